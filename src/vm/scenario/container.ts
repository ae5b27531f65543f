/** A scenario without a machine: its commands run in the root file system of a container, in the sandbox. */
import { appendFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { removeTree } from '../../run/scratch.ts';
import type { Guest } from '../guest.ts';
import { artifact, type Image } from '../image.ts';
import { runTool, type Tools } from '../tools.ts';
import type { CommandContext } from './types.ts';

/** What the file is called that such a scenario runs in. */
export const ROOTFS = 'tar.zst';

export interface ContainerRun {
  image: Image;
  tools: Tools;
  dir: string;
  signal: AbortSignal;
}

/** With every owner, mode and attribute; `-C` comes first, as it holds for what follows. */
export function unpackArgv(file: string, dir: string): string[] {
  const exact = [
    '--numeric-owner',
    '--same-owner',
    '--preserve-permissions',
    '--xattrs',
    '--xattrs-include=*',
  ];
  return ['tar', '-C', dir, '-x', ...exact, '-I', 'zstd -d', '-f', file];
}

/** The root file system of an image, unpacked when the first command needs it, and what runs commands in it. */
export function holdContainer(
  { image, tools, dir, signal }: ContainerRun,
  logs: string[],
): { context: CommandContext; release: () => Promise<void> } {
  const root = join(dir, 'root');
  const log = join(dir, 'console.log');
  let guest: Promise<Guest> | undefined;

  async function open(): Promise<Guest> {
    logs.push(log);
    await mkdir(root);
    const file = artifact(image, ROOTFS);
    await runTool(tools, unpackArgv(file, root), { read: [file], write: [root] });
    return { run, send: (command) => void run(command, 60) };
  }

  async function run(command: string, seconds: number) {
    const argv = ['/bin/sh', '-c', `exec 2>&1\n${command}`];
    const { child, exit, kill } = await tools.start(argv, {
      ...{ inside: root, arch: image.arch, stdio: ['ignore', 'pipe', 'ignore'] },
    });
    signal.addEventListener('abort', kill, { once: true });
    const stop = new AbortController();
    const late = sleep(seconds * 1000, true, { signal: stop.signal }).catch(() => false);
    try {
      const output = text(child.stdout!);
      const timedOut = await Promise.race([exit.then(() => false), late]);
      if (timedOut) kill();
      const exitCode = await exit;
      const said = (await output).replace(/\n$/, '');
      await appendFile(log, `$ ${command.trimEnd()}\n${said}${said === '' ? '' : '\n'}`);
      return { exitCode, output: said, timedOut };
    } finally {
      stop.abort();
      signal.removeEventListener('abort', kill);
    }
  }

  return {
    context: { signal, log: () => log, guest: async () => (guest ??= open()) },
    release: () => removeTree(root),
  };
}
