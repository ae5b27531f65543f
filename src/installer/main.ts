/** The installer's program: the first and only thing that an installation medium runs. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { runProgram as run } from '../update/programs.ts';
import { EFI } from './boot-entry.ts';
import { machineTerminals, openConsole } from './console.ts';
import { listDevices } from './disks.ts';
import { findMedium } from './medium.ts';
import { runSession } from './session.ts';

/** Seconds that a medium may take to turn up. */
const PATIENCE = 60;
const WORK = '/run/install/work';

async function main(): Promise<void> {
  const then = await runSession({
    ...{ run, console: openConsole(machineTerminals()), work: WORK, efi: existsSync(EFI) },
    list: () => listDevices(run),
    findMedium: () => findMedium(run, PATIENCE),
    cmdline: await readFile('/proc/cmdline', 'utf8'),
  });
  await run([then]);
  process.exit(0);
}

void main();
