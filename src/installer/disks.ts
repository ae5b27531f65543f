/** The machine's disks, and which of them the system goes to. */
import { z } from 'zod';
import { OsmithError } from '../errors.ts';
import { must, type RunProgram } from '../update/programs.ts';

export interface Device {
  name: string;
  path: string;
  /** `disk`, `part`, `rom`, `loop` ... */
  type: string;
  /** Bytes. */
  size: number;
  ro: boolean;
  /** Bytes of a sector. */
  sector: number;
  transport: string;
  model: string;
  serial: string;
  /** Kinds of its partition table and file system; empty: none. */
  table: string;
  filesystem: string;
  label: string;
  /** Name of a partition. */
  partName: string;
  /** Its partitions, and what else is made of it. */
  children: Device[];
}

const text = z
  .string()
  .nullable()
  .transform((given) => (given ?? '').trim());

const entry = z.object({
  ...{ name: z.string(), path: z.string(), type: z.string(), size: z.number(), ro: z.boolean() },
  ...{
    'log-sec': z.number(),
    pkname: text,
    tran: text,
    model: text,
    serial: text,
  },
  ...{ pttype: text, fstype: text, label: text, partlabel: text },
});

/** util-linux 2.41. There is no udev that would know: it looks at the disks themselves. */
export function lsblkArgv(): string[] {
  const columns = Object.keys(entry.shape).map((name) => name.toUpperCase());
  return ['lsblk', '--properties-by', 'blkid', '--json', '--list', '--bytes', '--output', columns.join(',')];
}

/** What lsblk prints, as a tree. */
export function parseDevices(json: string): Device[] {
  const { blockdevices } = z.object({ blockdevices: z.array(entry) }).parse(JSON.parse(json));
  const below = (parent: string): Device[] =>
    blockdevices
      .filter(({ pkname }) => pkname === parent)
      .map(({ name, path, type, size, ro, tran, model, serial, label, ...given }) => ({
        ...{ name, path, type, size, ro, model, serial, label, sector: given['log-sec'] },
        ...{ transport: tran, table: given.pttype, filesystem: given.fstype, partName: given.partlabel },
        children: below(name),
      }));
  return below('');
}

export async function listDevices(run: RunProgram): Promise<Device[]> {
  return parseDevices(await must(run, lsblkArgv()));
}

/** Disks that are no machine's hardware, and parts of one that look like disks. */
const VIRTUAL = /^(?:loop|ram|zram|nbd|fd|dm-|md)\d|^mmcblk\d+(?:boot\d|rpmb)/;

/** What is built in comes first: nobody wants the system on a stick that happens to be there. */
const TRANSPORTS = ['nvme', 'sata', 'ata', 'sas', 'scsi', 'virtio', 'mmc', '', 'usb'];

function rank({ transport }: Device): number {
  const found = TRANSPORTS.indexOf(transport);
  return found < 0 ? TRANSPORTS.indexOf('') : found;
}

/** Disks that a system could go to, the likeliest first. `boot`: the one that the installer came from. */
export function candidates(devices: readonly Device[], boot: string | undefined): Device[] {
  return devices
    .filter(({ type, name, size, ro }) => type === 'disk' && !VIRTUAL.test(name) && size > 0 && !ro)
    .filter(({ name }) => name !== boot)
    .sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name, 'en'));
}

export function gib(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}

export function describeDisk({ name, size, transport, model, serial }: Device): string {
  return [name, gib(size), transport, model, serial].filter(Boolean).join('  ');
}

function named(name: string, disks: readonly Device[], boot: string | undefined): Device {
  const found = disks.find((disk) => disk.name === name);
  if (found !== undefined) return found;
  const hint =
    disks.length === 0 ? 'There is no disk at all' : `There are ${disks.map(describeDisk).join('; ')}`;
  const why = name === boot ? `${name} is the disk that the installer came from` : `There is no disk ${name}`;
  throw new OsmithError('E_INSTALL', why, { hint });
}

export interface Choice {
  disk: Device;
  /** Those that would have done as well. */
  others: Device[];
}

/** The disk that was named, else the first. Throws E_INSTALL when there is none. */
export function chooseDisk(
  devices: readonly Device[],
  wanted: string | undefined,
  boot: string | undefined,
): Choice {
  const disks = candidates(devices, boot);
  if (wanted !== undefined) return { disk: named(wanted, disks, boot), others: [] };
  const [disk, ...others] = disks;
  if (disk !== undefined) return { disk, others };
  throw new OsmithError('E_INSTALL', 'This machine has no disk to install on', {
    hint: `Seen: ${devices.map(({ name, type }) => `${name} (${type})`).join(', ') || 'nothing'}. Is a driver missing, or the disk read-only?`,
  });
}

/** What tells that there is data on a disk, in words; undefined for an empty one. `raw`: whether its ends are not zero. */
export function dataOn({ table, filesystem, label, children }: Device, raw: boolean): string | undefined {
  const names = children.map(({ name, partName }) => (partName === '' ? name : partName));
  if (children.length > 0) return `partitions ${names.join(', ')}`;
  if (filesystem !== '') return `a file system (${[filesystem, label].filter(Boolean).join(' ')})`;
  if (table !== '') return `a partition table (${table})`;
  return raw ? 'something that is not known' : undefined;
}
