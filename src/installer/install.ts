/** An installation from its beginning to its end. Until a disk is chosen and all is known to be well, nothing is written. */
import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { InstallManifest } from '../disk/install-manifest.ts';
import { MIB, SECTOR, type Placed, type Placement } from '../disk/layout.ts';
import { randomUuid } from '../env.ts';
import { OsmithError } from '../errors.ts';
import type { RunProgram } from '../update/programs.ts';
import { digestOfFile } from './block.ts';
import { addBootEntry } from './boot-entry.ts';
import { makeConfigImage, readSerial } from './config-image.ts';
import type { Console } from './console.ts';
import { candidates, chooseDisk, dataOn, describeDisk, gib, type Device } from './disks.ts';
import { readInstallManifest, type Medium } from './medium.ts';
import type { InstallOptions } from './options.ts';
import { markNew, placements, type Placements } from './placement.ts';
import { machineSerial } from './report.ts';
import { keepSkipped, skippedPartitions } from './skipped.ts';
import { checkSources, piecesOf, writeDisk, type Piece } from './write-system.ts';

export interface Machine {
  run: RunProgram;
  console: Console;
  /** Its disks. */
  list: () => Promise<Device[]>;
  medium: Medium;
  /** Directory for what is made on the way. */
  work: string;
  /** Whether its firmware keeps a list of what it can start. */
  efi: boolean;
}

export interface Installed {
  /** The serial number that the system got. */
  serial: string;
  disk: string;
  system: string;
}

/** Bytes at the beginning and the end of a disk that tell whether there is anything on it. */
const LOOK = MIB;

/** Whether something else than zeros is there. */
async function hasBytes({ path, size }: Device): Promise<boolean> {
  const file = await open(path);
  try {
    for (const at of [0, Math.max(0, size - LOOK)]) {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(LOOK), 0, LOOK, at);
      if (buffer.subarray(0, bytesRead).some((byte) => byte !== 0)) return true;
    }
    return false;
  } finally {
    await file.close();
  }
}

async function chooseByHand({ console, medium }: Machine, devices: Device[]): Promise<string> {
  const disks = candidates(devices, medium.disk);
  if (disks.length <= 1) return chooseDisk(devices, undefined, medium.disk).disk.name;
  for (const [index, disk] of disks.entries()) {
    const data = dataOn(disk, await hasBytes(disk));
    console.say(`  ${index + 1}  ${describeDisk(disk)}${data === undefined ? '' : `  (holds ${data})`}`);
  }
  for (;;) {
    const answer = await console.ask('Install on which disk? Its number or name:');
    const chosen = disks.find(({ name }, index) => name === answer || String(index + 1) === answer);
    if (chosen !== undefined) return chosen.name;
    console.say(`There is no disk ${JSON.stringify(answer)}`);
  }
}

async function target(
  machine: Machine,
  options: InstallOptions,
): Promise<{ disk: Device; persist?: Device }> {
  const devices = await machine.list();
  const { disk: boot } = machine.medium;
  const asked = options.interactive && options.disk === undefined;
  const wanted = asked ? await chooseByHand(machine, devices) : options.disk;
  const { disk, others } = chooseDisk(devices, wanted, boot);
  const alike = others.filter(({ name }) => name !== options.persist);
  if (alike.length > 0) {
    const names = alike.map(describeDisk).join('; ');
    machine.console.say(`Warning: there are other disks, too: ${names}. The option disk chooses one`);
  }
  if (options.persist === undefined || options.persist === disk.name) return { disk };
  return { disk, persist: chooseDisk(devices, options.persist, boot).disk };
}

/** Throws E_INSTALL unless the disk is empty, or may be erased. */
async function checkEmpty({ console }: Machine, options: InstallOptions, disk: Device): Promise<void> {
  if (disk.sector !== SECTOR) {
    throw new OsmithError('E_INSTALL', `The disk ${disk.name} has sectors of ${disk.sector} bytes`, {
      hint: `This system is for disks with sectors of ${SECTOR} bytes`,
    });
  }
  const data = dataOn(disk, await hasBytes(disk));
  if (data === undefined) return;
  const { skip } = options;
  const all = skip.length === 0 ? 'all of it' : `all of it but what is skipped (${skip.join(', ')})`;
  if (options.erase) return console.say(`The disk ${disk.name} holds ${data}: ${all} will be lost`);
  if (options.interactive) {
    console.say(`The disk ${describeDisk(disk)} holds ${data}: ${all} would be lost.`);
    if ((await console.ask(`Enter its name, ${disk.name}, to erase it:`)) === disk.name) return;
  }
  throw new OsmithError('E_INSTALL', `The disk ${disk.name} holds ${data}`, {
    hint: 'Nothing has been written. The option erase=yes permits to destroy that, disk=NAME chooses another disk',
  });
}

/** What the system is called that keeps its CONFIG. */
async function keptSerial(run: RunProgram, disk: Device, placed: Placed | undefined): Promise<string> {
  const volume = placed && `${disk.path}@@${placed.start}`;
  return (volume && (await readSerial(run, volume))) || machineSerial();
}

async function configPiece(
  machine: Machine,
  options: InstallOptions,
  manifest: InstallManifest,
  { disk, placement }: { disk: Device; placement: Placement },
): Promise<{ serial: string; replaced: Map<string, Pick<Piece, 'path' | 'size' | 'digest'>> }> {
  const { run, medium, work } = machine;
  const part = manifest.parts.find(({ partition }) => partition === manifest.roles.config);
  if (part === undefined || options.skip.includes('config')) {
    const kept = placement.partitions.find(({ spec }) => spec.name === manifest.roles.config);
    return { serial: options.serial ?? (await keptSerial(run, disk, kept)), replaced: new Map() };
  }
  const source = medium.config ?? join(medium.dir, part.file);
  const { server, serial: wanted } = options;
  const { file: path, serial } = await makeConfigImage(run, { source, work, server, serial: wanted });
  const file = await open(path);
  const { size } = await file.stat().finally(() => file.close());
  const digest = await digestOfFile(path, size, () => {});
  return { serial, replaced: new Map([[part.partition, { path, size, digest }]]) };
}

interface Target {
  disk: Device;
  persist?: Device;
  placed: Placements;
  pieces: Piece[];
  /** Partitions that stay as they are. */
  skipped: string[];
}

async function write(
  machine: Machine,
  options: InstallOptions,
  manifest: InstallManifest,
  { disk, persist, placed, pieces, skipped }: Target,
): Promise<void> {
  const { run, console, medium } = machine;
  const { roles } = manifest;
  const filled = manifest.parts.map(({ partition }) => partition);
  const wiped = manifest.layout.partitions
    .map(({ name }) => name)
    .filter((name) => !filled.includes(name) && !skipped.includes(name));
  const isNew = (placement: Placement) =>
    options.skip.includes('persist') ? placement : markNew(placement, roles.persist);
  const common = { run, console, wiped, skipped, seed: randomUuid(), verify: options.verify };
  if (persist !== undefined)
    await writeDisk({ ...common, path: persist.path, placement: isNew(placed.persist!), pieces: [] });
  const head = join(medium.dir, manifest.head.file);
  await writeDisk({ ...common, path: disk.path, placement: isNew(placed.system), pieces, head });
  const esp = placed.system.partitions.find(({ spec }) => spec.contents === 'esp');
  if (machine.efi && esp !== undefined)
    await addBootEntry(run, console, { disk: disk.path, partition: esp.number, title: manifest.title });
}

/** Throws E_INSTALL, with nothing written, for whatever is not as it should be. */
export async function install(machine: Machine, options: InstallOptions): Promise<Installed> {
  const { console, medium, work } = machine;
  await mkdir(work, { recursive: true });
  const manifest = await readInstallManifest(medium.dir);
  const { disk, persist } = await target(machine, options);
  console.say(`${manifest.title} goes to ${describeDisk(disk)}`);
  if (persist !== undefined) console.say(`Persistent data goes to ${describeDisk(persist)}`);
  const places = placements(manifest, disk, persist);
  for (const each of [disk, ...(persist === undefined ? [] : [persist])])
    await checkEmpty(machine, options, each);
  const skipped = skippedPartitions(manifest, options.skip);
  const placed: Placements = { system: await keepSkipped(disk, places.system, skipped) };
  if (persist !== undefined) placed.persist = await keepSkipped(persist, places.persist!, skipped);
  const parts = [...manifest.parts, { partition: 'the boot code', ...manifest.head }];
  const sources = parts.map(({ partition, file, ...rest }) => ({
    name: partition,
    path: join(medium.dir, file),
    ...rest,
  }));
  await checkSources(sources, console);
  const there = { disk, placement: placed.system };
  const { serial, replaced } = await configPiece(machine, options, manifest, there);
  const pieces = piecesOf(manifest, placed.system, medium.dir, skipped, replaced);
  if (options.pause.includes('before')) await console.ask('Press Enter to install.');
  await write(machine, options, manifest, { disk, ...(persist && { persist }), placed, pieces, skipped });
  return { serial, disk: disk.name, system: manifest.name };
}

/** Takes the partition tables away, and what else tells that there is something: as if the disks were new. */
export async function wipe(machine: Machine, which: readonly string[] | 'all'): Promise<string[]> {
  const devices = await machine.list();
  const { disk: boot } = machine.medium;
  const disks =
    which === 'all' ? candidates(devices, boot) : which.map((name) => chooseDisk(devices, name, boot).disk);
  const zeros = Buffer.alloc(LOOK);
  for (const { name, path, size } of disks) {
    const file = await open(path, 'r+');
    try {
      for (const at of [0, size - LOOK]) await file.write(zeros, 0, LOOK, at);
      await file.sync();
    } finally {
      await file.close();
    }
    machine.console.say(`${name} (${gib(size)}) has no partition table any more`);
  }
  return disks.map(({ name }) => name);
}
