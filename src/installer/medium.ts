/** What the installer came from: a disk or stick, a CD, or the network, which left it all in memory. */
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  INSTALL_FILE,
  INSTALL_MANIFEST,
  installManifest,
  type InstallManifest,
} from '../disk/install-manifest.ts';
import { OsmithError } from '../errors.ts';
import { must, type RunProgram } from '../update/programs.ts';
import { describeDisk, listDevices, type Device } from './disks.ts';

/** In the first root file system of a machine that was started over the network. */
const IN_MEMORY = `/${INSTALL_FILE}`;
/** Partitions of the medium. */
export const MEDIUM_PARTITIONS = { system: 'INSTALLER', config: 'CONFIG', inventory: 'INVENTORY' };

const SYSTEM = '/run/install/system';
const FILES = '/run/install/files';

export interface Medium {
  /** Where what it brings can be read. */
  dir: string;
  /** Name of the disk; absent: none. */
  disk?: string;
  /** Devices of its partitions. */
  config?: string;
  inventory?: string;
}

async function mount(run: RunProgram, type: string, options: string, what: string, where: string) {
  await mkdir(where, { recursive: true });
  return (await run(['mount', '-t', type, '-o', options, what, where])).exit === 0;
}

function partition({ children }: Device, name: string): string | undefined {
  return children.find(({ partName }) => partName === name)?.path;
}

/** The image on a device that is a medium; undefined for others. */
async function imageOn(run: RunProgram, device: Device): Promise<{ type: string; path: string } | undefined> {
  const own = device.children.find(({ partName }) => partName === MEDIUM_PARTITIONS.system);
  if (own?.filesystem === 'squashfs') return { type: 'ro', path: own.path };
  // A CD, or the volume that the firmware starts from.
  for (const { filesystem, path } of [device, ...device.children]) {
    if (!['iso9660', 'vfat'].includes(filesystem)) continue;
    if (!(await mount(run, filesystem, 'ro', path, FILES))) continue;
    if (existsSync(join(FILES, INSTALL_FILE))) return { type: 'ro,loop', path: join(FILES, INSTALL_FILE) };
    await run(['umount', FILES]);
  }
  return undefined;
}

async function openImage(run: RunProgram, options: string, path: string): Promise<void> {
  if (await mount(run, 'squashfs', options, path, SYSTEM)) return;
  throw new OsmithError('E_INSTALL', `The system on the medium (${path}) cannot be read`, {
    hint: 'The medium is broken: make it anew',
  });
}

async function look(run: RunProgram): Promise<Medium | undefined> {
  if (existsSync(IN_MEMORY)) {
    await openImage(run, 'ro,loop', IN_MEMORY);
    return { dir: SYSTEM };
  }
  const found: { device: Device; type: string; path: string }[] = [];
  for (const device of await listDevices(run)) {
    if (device.size === 0) continue;
    const image = await imageOn(run, device);
    if (image !== undefined) found.push({ device, ...image });
  }
  const [first, second] = found;
  if (first === undefined) return undefined;
  if (second !== undefined) {
    const both = `${describeDisk(first.device)}, and ${describeDisk(second.device)}`;
    throw new OsmithError('E_INSTALL', `There are two installation media: ${both}`, {
      hint: 'Remove one of them',
    });
  }
  const { device, type, path } = first;
  await openImage(run, type, path);
  const config = partition(device, MEDIUM_PARTITIONS.config);
  const inventory = partition(device, MEDIUM_PARTITIONS.inventory);
  return { dir: SYSTEM, disk: device.name, ...(config && { config }), ...(inventory && { inventory }) };
}

/** Drivers of what has turned up since; `tried`: for what they were looked for already. */
async function loadDrivers(run: RunProgram, tried: Set<string>): Promise<void> {
  const { stdout } = await run(['find', '/sys/devices', '-name', 'modalias', '-exec', 'cat', '{}', '+']);
  const aliases = [...new Set(stdout.split('\n'))].filter((alias) => alias !== '' && !tried.has(alias));
  for (const alias of aliases) tried.add(alias);
  if (aliases.length > 0) await run(['modprobe', '-abq', ...aliases]);
}

/** USB sticks and CD drives take their time. Throws E_INSTALL when there is none. */
export async function findMedium(run: RunProgram, seconds: number): Promise<Medium> {
  const tried = new Set<string>();
  for (let tries = 0; tries < seconds; tries++) {
    await loadDrivers(run, tried);
    const medium = await look(run);
    if (medium !== undefined) return medium;
    await sleep(1000);
  }
  const seen = (await listDevices(run)).map(describeDisk).join('; ');
  throw new OsmithError('E_INSTALL', 'The medium that this installer came from cannot be found', {
    hint: `Seen: ${seen || 'no disk at all'}`,
  });
}

/** Throws E_INSTALL for one that is not whole. */
export async function readInstallManifest(dir: string): Promise<InstallManifest> {
  try {
    return installManifest.parse(JSON.parse(await readFile(join(dir, INSTALL_MANIFEST), 'utf8')));
  } catch (cause) {
    throw new OsmithError('E_INSTALL', `${INSTALL_MANIFEST} on the medium cannot be read`, {
      cause,
      hint: 'The medium is broken, or was made for another version of the installer: make it anew',
    });
  }
}

/** A file on a FAT volume; undefined if there is none. */
export async function readFatFile(
  run: RunProgram,
  volume: string,
  path: string,
): Promise<string | undefined> {
  await must(run, ['mdir', '-b', '-i', volume, '::']);
  const { exit, stdout } = await run(['mcopy', '-n', '-i', volume, `::${path}`, '-']);
  return exit === 0 ? stdout : undefined;
}
