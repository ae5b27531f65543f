/** An installation as whoever is at the console sees it: what is told, the report, and how it ends. */
import { OsmithError, toOsmithError } from '../errors.ts';
import { install, wipe, type Machine } from './install.ts';
import { readFatFile, type Medium } from './medium.ts';
import { OPTIONS_FILE, readOptions, type InstallOptions } from './options.ts';
import { machineSerial, writeReport, type Outcome } from './report.ts';

export interface Session extends Omit<Machine, 'medium'> {
  /** Looks for what the installer came from. */
  findMedium: () => Promise<Medium>;
  /** Of the running kernel. */
  cmdline: string;
}

type Ended = Outcome & { serial?: string | undefined };

async function optionsOf({ run, cmdline }: Session, { config }: Medium): Promise<InstallOptions> {
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

async function carryOut(machine: Machine, options: InstallOptions): Promise<Ended> {
  for (const note of options.notes) machine.console.say(`Note: ${note}`);
  if (options.reportOnly) return { result: 'reported' };
  if (options.wipe !== undefined)
    return { result: 'wiped', message: (await wipe(machine, options.wipe)).join(', ') };
  return { result: 'installed', ...(await install(machine, options)) };
}

function failure(error: unknown): Ended {
  const { message, details } = toOsmithError(error);
  const where = details.where === undefined ? '' : `${details.where.file}:${details.where.line}: `;
  return {
    result: 'failed',
    message: `${where}${message}${details.hint === undefined ? '' : `\n${details.hint}`}`,
  };
}

async function report({ run, console, work }: Session, medium: Medium | undefined, ended: Ended) {
  if (medium?.inventory === undefined) return;
  const { serial = await machineSerial(), ...outcome } = ended;
  try {
    await writeReport(run, { volume: medium.inventory, work, serial, log: console.log(), outcome });
    console.say(`The report is on the medium, in INVENTORY under ${serial}`);
  } catch (error) {
    console.say(`The report cannot be written: ${toOsmithError(error).message}`);
  }
}

/** Installs, or does what the options say. Whoever installs by hand may try again. What the machine is to do then. */
export async function runSession(session: Session): Promise<'poweroff' | 'reboot'> {
  const { console, findMedium, ...rest } = session;
  let medium: Medium | undefined;
  for (;;) {
    let options: InstallOptions | undefined;
    let ended: Ended;
    try {
      medium ??= await findMedium();
      options = await optionsOf(session, medium);
      ended = await carryOut({ ...rest, console, medium }, options);
    } catch (error) {
      ended = failure(error);
      console.say(`\nNOT INSTALLED: ${ended.message}\n`);
    }
    await report(session, medium, { serial: options?.serial, ...ended });
    const byHand = options?.interactive === true;
    if (ended.result !== 'failed') {
      // Last of all: nobody takes the medium away before.
      if (ended.result === 'installed')
        console.say(`INSTALLED ${ended.system} on ${ended.disk}, serial ${ended.serial}`);
      if (byHand || options?.pause.includes('after') === true)
        await console.ask('Remove the medium and press Enter.');
      return ended.result === 'installed' ? options!.after : 'poweroff';
    }
    if (!byHand) {
      await console.ask('Press Enter to switch off.');
      return 'poweroff';
    }
    if ((await console.ask('Press Enter to begin again, or enter off to switch off:')) === 'off')
      return 'poweroff';
  }
}
