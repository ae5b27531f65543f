/** Finds the EFI system partition that the system was started from, and mounts it only while it is needed. */
import { mkdir, open, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseSlotConfig, slotConfig } from '../disk/boot-slots.ts';
import { OsmithError } from '../errors.ts';
import { lockFile } from '../run/lock.ts';
import { mountedDisk, type BootDisk } from './boot-disk.ts';
import { must, type RunProgram } from './programs.ts';
import type { Running } from './slots.ts';

/** What an update needs of the machine. Tests have their own. */
export interface Machine {
  run: RunProgram;
  /** `/`; tests: a directory with `sys`, `proc`, `dev`. */
  root: string;
  /** Where to mount. */
  mountPoint: string;
  /** Label of the file system, as the build gave it. */
  label: string;
  /** Device to use in place of searching. */
  device?: string | undefined;
}

/** The label in the boot sector of a FAT32 volume (Microsoft FAT specification 1.03, "Boot sector and BPB"). */
export function fat32Label(sector: Buffer): string | undefined {
  if (sector.length < 512 || sector.readUInt16LE(510) !== 0xaa55) return undefined;
  if (sector.toString('latin1', 82, 90) !== 'FAT32   ') return undefined;
  return sector.toString('latin1', 71, 82).trimEnd();
}

async function labelOf(device: string): Promise<string | undefined> {
  try {
    const file = await open(device);
    try {
      const sector = Buffer.alloc(512);
      await file.read(sector, 0, 512, 0);
      return fat32Label(sector);
    } finally {
      await file.close();
    }
  } catch {
    return undefined; // no medium, or gone by now
  }
}

/** Partitions whose file system has the label. Read from the devices: nothing else need be running. */
export async function candidates({ root, label, device }: Machine): Promise<string[]> {
  if (device !== undefined) return [device];
  const names = await readdir(join(root, 'sys/class/block')).catch(() => []);
  const devices = names
    .filter((name) => !/^(loop|ram|zram|sr|fd)\d/.test(name))
    .map((name) => join(root, 'dev', name));
  const labels = await Promise.all(devices.map(labelOf));
  return devices.filter((_, index) => labels[index] === label).sort();
}

/** Mount points of a device. */
export function mountsOf(mountinfo: string, deviceNumber: string): string[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [, , number, , target] = line.split(' ');
    return number === deviceNumber && target !== undefined ? [target] : [];
  });
}

async function mountedAt(machine: Machine, device: string): Promise<string[]> {
  const name = device.split('/').at(-1)!;
  const number = await readFile(join(machine.root, 'sys/class/block', name, 'dev'), 'utf8').catch(() => '');
  return number === ''
    ? []
    : mountsOf(await readFile(join(machine.root, 'proc/self/mountinfo'), 'utf8'), number.trim());
}

/** Options: only root may look; nothing on it can be run. */
const OPTIONS = 'nodev,nosuid,noexec,umask=0077';

async function unmount(machine: Machine): Promise<void> {
  await must(machine.run, ['umount', machine.mountPoint]);
}

async function mount(machine: Machine, device: string, mode: 'ro' | 'rw'): Promise<void> {
  await mkdir(machine.mountPoint, { recursive: true });
  const argv = ['mount', '-t', 'vfat', '-o', `${mode},${OPTIONS}`, device, machine.mountPoint];
  await must(machine.run, argv);
}

/** Runs `use` with the file system mounted; always takes it away again. */
async function withMount<T>(
  machine: Machine,
  device: string,
  mode: 'ro' | 'rw',
  use: (disk: BootDisk) => Promise<T>,
): Promise<T> {
  const others = await mountedAt(machine, device);
  // A process that was killed may have left ours.
  if (others.includes(machine.mountPoint)) await unmount(machine);
  const foreign = others.filter((target) => target !== machine.mountPoint);
  if (foreign.length > 0) {
    throw new OsmithError('E_UPDATE', `${device} is mounted at ${foreign.join(', ')}`, {
      hint: 'Unmount it: the update needs it for itself',
    });
  }
  if (mode === 'rw') {
    // After a cut of power there may be clusters that no file has. 1: it mended something.
    const { exit, stderr } = await machine.run(['fsck.fat', '-a', device]);
    if (exit > 1 && exit !== 127) throw new OsmithError('E_UPDATE', `fsck.fat ${device}: ${stderr.trim()}`);
  }
  await mount(machine, device, mode);
  let failed = true;
  try {
    const disk = mountedDisk(machine.mountPoint, async () => {
      await unmount(machine);
      await mount(machine, device, mode);
    });
    if (mode === 'rw') await removeSalvaged(disk);
    const result = await use(disk);
    failed = false;
    return result;
  } finally {
    // What went wrong first is what matters.
    await unmount(machine).catch((error: unknown) => {
      if (!failed) throw error;
    });
  }
}

/** What fsck.fat makes of clusters that no file had. */
async function removeSalvaged(disk: BootDisk): Promise<void> {
  for (const name of await disk.list('.')) if (/^fsck\d{4}\.rec$/i.test(name)) await disk.remove(name);
}

async function holds(machine: Machine, device: string, running: Running): Promise<boolean> {
  return withMount(machine, device, 'ro', async (disk) => {
    if (running.slot === undefined) return false;
    const path = slotConfig(running.slot);
    return parseSlotConfig(running.slot, await disk.read(path))?.build === running.build;
  });
}

/** The partition that the system was started from. */
export async function findEsp(machine: Machine, running: Running): Promise<string> {
  const found = await candidates(machine);
  if (found.length === 1) return found[0]!;
  if (found.length === 0) {
    throw new OsmithError('E_UPDATE', `No disk has a partition with the label ${machine.label}`, {
      hint: 'Name the EFI system partition with `bootDevice`',
    });
  }
  const matching: string[] = [];
  for (const device of found) if (await holds(machine, device, running)) matching.push(device);
  if (matching.length === 1) return matching[0]!;
  throw new OsmithError('E_UPDATE', `Several disks hold this system: ${found.join(', ')}`, {
    hint: 'Name the one to update with `bootDevice`, or remove the others',
  });
}

/** Access to the boot files: mounted for the time of one call. */
export interface BootFiles {
  readOnly<T>(use: (disk: BootDisk) => Promise<T>): Promise<T>;
  readWrite<T>(use: (disk: BootDisk) => Promise<T>): Promise<T>;
  /** Path of a file for other parts of this program, while it is mounted. */
  path(file: string): string;
}

/** The partition is searched for each time: disks come and go. */
export function espBootFiles(machine: Machine, running: Running): BootFiles {
  const locked = async <T>(mode: 'ro' | 'rw', use: (disk: BootDisk) => Promise<T>): Promise<T> => {
    await mkdir(dirname(machine.mountPoint), { recursive: true });
    const lock = await lockFile(`${machine.mountPoint}.lock`, { wait: true });
    try {
      return await withMount(machine, await findEsp(machine, running), mode, use);
    } finally {
      await lock?.release();
    }
  };
  return {
    readOnly: async (use) => locked('ro', use),
    readWrite: async (use) => locked('rw', use),
    path: (file) => join(machine.mountPoint, file),
  };
}
