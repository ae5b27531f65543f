/** A machine that a test drives by hand: it reaches servers of this machine, and keeps its disk over restarts. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../src/config/index.ts';
import { acceleration } from '../../src/vm/accel.ts';
import type { Firmware } from '../../src/vm/firmware.ts';
import { openGuest, type Guest } from '../../src/vm/guest.ts';
import { oneTimeLogin } from '../../src/vm/login.ts';
import { allowReset } from '../../src/vm/qmp.ts';
import { openVmTools } from '../../src/vm/sandbox-tools.ts';
import { waitUp } from '../../src/vm/up.ts';
import { startVm } from '../../src/vm/vm.ts';
import { REPO } from './osmith.ts';

export interface Machine {
  /** Runs a shell command; its output. Throws when it fails, unless `exit` says how. */
  run: (command: string, options?: { exit?: number; within?: number }) => Promise<string>;
  /** Restarts the system and waits until it is up again. */
  restart: () => Promise<void>;
  stop: () => Promise<void>;
}

/** Seconds; emulated, beside other work. */
const UP = 900;

/** Boots the first of these raw disks, which stay as they are. */
export async function bootMachine(files: string[], firmware: Firmware, log: string): Promise<Machine> {
  const { signal } = new AbortController();
  const config = loadConfig({ workspace: join(REPO, 'workspace'), attributes: {}, set: [] });
  const { tools, close } = await openVmTools(config, { emit: () => {}, signal });
  const dir = await mkdtemp(join(tmpdir(), 'osmith-test-'));
  const login = oneTimeLogin();
  const { accel, canSmm } = await acceleration(tools, 'amd64', undefined, 'auto');
  const spec = { arch: 'amd64', firmware, accel, canSmm, memory: 2048, cpus: 2, login } as const;
  const vm = await startVm(
    tools,
    { ...spec, disks: files.map((file) => ({ file, format: 'raw' })), nics: [{}], outside: true },
    log,
    signal,
  );
  await allowReset(vm.qmp, true);
  let guest: Guest | undefined;
  const open = async () => (guest ??= await openGuest(vm, login, signal));
  const stop = async () => {
    await vm.stop();
    await close();
    await rm(dir, { recursive: true, force: true });
  };
  try {
    await waitUp(vm, UP, signal);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    async run(command, { exit = 0, within = 600 } = {}) {
      const { exitCode, output, timedOut } = await (await open()).run(command, within);
      if (exitCode === exit && !timedOut) return output;
      throw new Error(`\`${command}\` ended with ${timedOut ? 'a timeout' : exitCode}:\n${output}`);
    },
    async restart() {
      const reset = new Promise<void>((resolve) =>
        vm.qmp.onEvent(({ event }) => event === 'RESET' && resolve()),
      );
      (await open()).send('systemctl reboot');
      guest = undefined;
      await Promise.race([reset, vm.ended]);
      vm.serial.skip();
      await waitUp(vm, UP, signal);
    },
    stop,
  };
}
