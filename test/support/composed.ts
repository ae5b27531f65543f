/** A composed system in a virtual machine, with a shell on its console. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadConfig } from '../../src/config/index.ts';
import { acceleration } from '../../src/vm/accel.ts';
import { openShell } from '../../src/vm/guest.ts';
import { openVmTools } from '../../src/vm/sandbox-tools.ts';
import { consoleTail, waitUp } from '../../src/vm/up.ts';
import { startVm } from '../../src/vm/vm.ts';
import { REPO } from './osmith.ts';

export interface Composed {
  /** Runs a shell command; its output. Throws when it fails. */
  run: (command: string) => Promise<string>;
  /** All that the console showed. */
  console: () => string;
  /** Switches it off from inside and waits until it is. */
  powerOff: () => Promise<void>;
  stop: () => Promise<void>;
}

/** Seconds; emulated, beside other work. */
const LIMIT = 900;

/** Boots NAME-kernel, NAME-initrd.img and NAME-cmdline. */
export async function bootComposed(name: string, log: string): Promise<Composed> {
  const { signal } = new AbortController();
  const config = loadConfig({ workspace: join(REPO, 'workspace'), attributes: {}, set: [] });
  const { tools, close } = await openVmTools(config, { emit: () => {}, signal });
  const { accel, canSmm } = await acceleration(tools, 'amd64', undefined, 'auto');
  const cmdline = await readFile(`${name}-cmdline`, 'utf8');
  const kernel = { file: `${name}-kernel`, initrd: `${name}-initrd.img`, cmdline };
  const machine = { arch: 'amd64', firmware: 'direct', memory: 2048, cpus: 2, nics: [{}] } as const;
  const vm = await startVm(tools, { ...machine, nics: [{}], accel, canSmm, kernel }, log, signal);
  const stop = async () => {
    await vm.stop();
    await close();
  };
  const failed = (what: string) => new Error(`${what}\n${consoleTail(vm, 60).join('\n')}`);
  try {
    await waitUp(vm, LIMIT, signal);
    const guest = await openShell(vm, signal);
    return {
      async run(command) {
        const { exitCode, output, timedOut } = await guest.run(command, LIMIT);
        if (exitCode === 0 && !timedOut) return output;
        throw failed(`\`${command}\` ended with ${timedOut ? 'a timeout' : exitCode}:\n${output}`);
      },
      console: () => vm.serial.text(),
      async powerOff() {
        guest.send('poweroff');
        const end = await vm.serial.until(() => undefined, { timeout: LIMIT * 1000, signal });
        if (end.type !== 'closed') throw failed('It did not switch itself off');
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
