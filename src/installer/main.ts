/** The installer's program: the first and only thing that an installation medium runs. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { OsmithError, toOsmithError } from '../errors.ts';
import { runProgram as run } from '../update/programs.ts';
import { EFI } from './boot-entry.ts';
import { machineTerminals, openConsole, type Console } from './console.ts';
import { listDevices } from './disks.ts';
import { install, wipe, type Machine } from './install.ts';
import { findMedium, readFatFile, type Medium } from './medium.ts';
import { OPTIONS_FILE, readOptions, type InstallOptions } from './options.ts';
import { machineSerial, writeReport, type Outcome } from './report.ts';

/** Seconds that a medium may take to turn up. */
const PATIENCE = 60;
const WORK = '/run/install/work';

async function optionsOf({ config }: Medium): Promise<InstallOptions> {
  const cmdline = await readFile('/proc/cmdline', 'utf8');
  if (config === undefined) return readOptions(cmdline);
  let file: string | undefined;
  try {
    file = await readFatFile(run, config, OPTIONS_FILE);
  } catch (cause) {
    throw new OsmithError(
      'E_INSTALL',
      `The CONFIG partition of the medium cannot be read: ${(cause as Error).message}`,
      {
        cause,
        hint: 'Format it anew (FAT), or make the medium anew',
      },
    );
  }
  return readOptions(cmdline, file);
}

async function carryOut(machine: Machine, options: InstallOptions): Promise<Outcome & { serial?: string }> {
  for (const note of options.notes) machine.console.say(`Note: ${note}`);
  if (options.reportOnly) return { result: 'reported' };
  if (options.wipe !== undefined)
    return { result: 'wiped', message: (await wipe(machine, options.wipe)).join(', ') };
  const done = await install(machine, options);
  return { result: 'installed', ...done };
}

function failure(error: unknown): Outcome {
  const { message, details } = toOsmithError(error);
  const where = details.where === undefined ? '' : `${details.where.file}:${details.where.line}: `;
  return {
    result: 'failed',
    message: `${where}${message}${details.hint === undefined ? '' : `\n${details.hint}`}`,
  };
}

async function report(medium: Medium | undefined, console: Console, outcome: Outcome & { serial?: string }) {
  if (medium?.inventory === undefined) return;
  const { serial = await machineSerial(), ...rest } = outcome;
  try {
    const request = { volume: medium.inventory, work: WORK, serial, log: console.log(), outcome: rest };
    await writeReport(run, request);
    console.say(`The report is on the medium, in INVENTORY under ${serial}`);
  } catch (error) {
    console.say(`The report cannot be written: ${toOsmithError(error).message}`);
  }
}

async function main(): Promise<void> {
  const console = openConsole(machineTerminals());
  let medium: Medium | undefined;
  let options: InstallOptions | undefined;
  let outcome: Outcome & { serial?: string };
  try {
    medium = await findMedium(run, PATIENCE);
    options = await optionsOf(medium);
    const machine = { run, console, list: () => listDevices(run), medium, work: WORK, efi: existsSync(EFI) };
    outcome = await carryOut(machine, options);
  } catch (error) {
    outcome = failure(error);
    console.say(`\nNOT INSTALLED: ${outcome.message}\n`);
  }
  await report(medium, console, outcome);
  if (outcome.result === 'failed') await console.ask('Press Enter to switch off.');
  else {
    if (outcome.result === 'installed')
      console.say(`INSTALLED ${outcome.system} on ${outcome.disk}, serial ${outcome.serial}`);
    if (options?.interactive === true || options?.pause.includes('after') === true)
      await console.ask('Remove the medium and press Enter.');
  }
  await run([outcome.result === 'installed' && options?.after === 'reboot' ? 'reboot' : 'poweroff']);
  process.exit(0);
}

void main();
