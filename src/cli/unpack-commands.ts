/** What `osmith unpack` can be asked for, and what it refuses before it does anything. */
import { statSync } from 'node:fs';
import { OsmithError } from '../errors.ts';
import { SERIAL } from '../steps/config-overlay/serial.ts';
import type { OsImage } from './unpack-image.ts';

export interface Flags {
  format: string;
  /** Bytes. */
  size?: number;
  config?: string;
  serial?: string;
  output?: string;
  arch: string;
  platform?: string;
  mirror: string[];
  set: string[];
}

/** What can be asked for, in words, and the format that it is. */
export const COMMANDS: Record<string, { does: string; format?: string }> = {
  version: { does: 'prints the version' },
  rootfs: { does: 'the root file system', format: 'rootfs' },
  live: { does: 'a disk that runs the system, in the format --format' },
  installer_raw: { does: 'an installer for USB sticks', format: 'installer.raw' },
  installer_iso: { does: 'an installer for CDs', format: 'installer.iso' },
  installer_net: { does: 'the files of an installer over the network', format: 'installer.pxe' },
  build_config: { does: 'prints the configuration that it was built with', format: 'config.ini' },
  sbom: { does: 'prints the bill of materials', format: 'spdx.json' },
  help: { does: 'prints what the image can be made into' },
};

/** EVE's names of formats. */
const FORMATS: Record<string, string> = { parallels: 'hdd.zip', gcp: 'gce.tar.gz' };

/** The format that is asked for; undefined for what only prints. Throws E_USAGE. */
export function formatOf(name: string, flags: Flags): string | undefined {
  const command = COMMANDS[name];
  if (command === undefined)
    throw new OsmithError('E_USAGE', `There is nothing called ${name} in an image`, {
      hint: `Known: ${Object.keys(COMMANDS).join(', ')}`,
    });
  const isDisk = name === 'live' || name.startsWith('installer_');
  const misplaced = [
    ...(!isDisk && flags.size !== undefined ? ['--size'] : []),
    ...(!isDisk && flags.config !== undefined ? ['--config'] : []),
    ...(name !== 'live' && flags.serial !== undefined ? ['--serial'] : []),
  ];
  if (misplaced.length > 0)
    throw new OsmithError('E_USAGE', `${name} does not take ${misplaced.join(', ')}`, {
      hint: '--size and --config are for disks and installers, --serial for live',
    });
  return name === 'live' ? (FORMATS[flags.format] ?? flags.format) : command.format;
}

/** Whether it is printed. */
export const isText = (name: string) => ['version', 'help', 'build_config', 'sbom'].includes(name);

/** What it can become, by what to ask for. */
function offered({ assembly }: OsImage): { commands: string[]; formats: string[] } {
  const formats = Object.keys(assembly.outputs);
  const made = (format: string) =>
    assembly.steps.some(({ id }) => id === assembly.outputs[format]!.from.step);
  return {
    commands: Object.entries(COMMANDS).flatMap(([name, { format }]) =>
      format === undefined || formats.includes(format) ? [name] : [],
    ),
    formats: formats.filter((format) => made(format) && !format.startsWith('installer.')),
  };
}

/** What the image can be made into. */
export function helpText(os: OsImage): string {
  const { commands, formats } = offered(os);
  const { name, version: own } = os.assembly;
  return [
    `${name} ${own}`,
    '',
    ...commands.map((each) => `  ${each.padEnd(14)} ${COMMANDS[each]!.does}`),
    '',
    `--format: ${formats.join(' ')}`,
    '',
  ].join('\n');
}

/** Throws E_USAGE for what this image is not, cannot become, or cannot take. */
export function checkAsked(os: OsImage, what: string, format: string | undefined, flags: Flags): void {
  const { attributes, raw, config } = os.assembly;
  const refuse = (message: string, hint: string) => new OsmithError('E_USAGE', message, { hint });
  const { platform } = flags;
  if (platform !== undefined && platform !== attributes['platform'])
    throw refuse(
      `The image is for the platform ${attributes['platform']}, not for ${platform}`,
      'Take the image of that platform, or leave --platform away',
    );
  const { commands, formats } = offered(os);
  if (!commands.includes(what)) throw refuse(`The image has no ${what}`, `It has ${commands.join(', ')}`);
  if (what === 'live' && !formats.includes(format!))
    throw refuse(`There is no format ${flags.format} of it`, `Known: ${formats.join(' ')}`);
  if (what === 'live' && flags.size !== undefined && flags.size < raw.size)
    throw refuse(
      `The disk needs ${Math.ceil(raw.size / 2 ** 20)}M, which is more than --size`,
      'Leave --size away, or choose a larger one',
    );
  if (flags.config !== undefined && statSync(flags.config, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw refuse(
      `--config is no directory: ${flags.config}`,
      'Name one whose files are to be laid over the configuration',
    );
  if (flags.serial !== undefined && !SERIAL.test(flags.serial))
    throw refuse(
      `${JSON.stringify(flags.serial)} is no serial number`,
      'Take up to 64 letters, digits and . _ : -; none for no number at all',
    );
  if (config === undefined && (flags.config !== undefined || flags.serial !== undefined))
    throw refuse('The system has no configuration volume', 'Leave --config and --serial away');
}
