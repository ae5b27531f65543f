/** The program that changes file systems, ready in its sandbox before it is known what it has to do. */
import { text } from 'node:stream/consumers';
import { OsmithError } from '../errors.ts';
import type { Tools } from '../vm/tools.ts';

/** Waits for the place of the file system; what follows are the commands. */
const WAIT = 'read -r at && exec debugfs -w -f - "$1?offset=$at"';

export interface WaitingDebugfs {
  /** Runs commands, once, on the file system that begins there; what it complained of. */
  run(at: number, commands: Buffer): Promise<string>;
  /** Ends it, if it has not ended. */
  close(): void;
}

/** `read`: what the commands may name. */
export async function openDebugfs(
  tools: Tools,
  { image, read }: { image: string; read: string[] },
): Promise<WaitingDebugfs> {
  const { child, exit, kill } = await tools.start(['sh', '-c', WAIT, 'sh', image], {
    ...{ read, write: [image], stdio: ['pipe', 'pipe', 'pipe'] },
  });
  // One that ends early says why.
  child.stdin!.on('error', () => {});
  child.stdout!.resume();
  const said = text(child.stderr!);
  exit.catch(() => {});
  return {
    run: async (at, commands) => {
      child.stdin!.end(Buffer.concat([Buffer.from(`${at}\n`), commands]));
      const [stderr, code] = await Promise.all([said, exit]);
      if (code === 0) return stderr;
      throw new OsmithError('E_TOOL', `debugfs failed with exit code ${code}`, {
        tail: stderr.trimEnd().split('\n').slice(-10),
      });
    },
    close: kill,
  };
}
