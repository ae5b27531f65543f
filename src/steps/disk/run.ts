/** Makes a raw disk image: partition table, EFI system partition with the boot loaders, and what else the layout names. */
import { open, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkFleet, needFact, type Need } from '../../disk/fleet.ts';
import { writeFatVolume } from '../../disk/fat-volume.ts';
import { RECORD_SIZE } from '../../disk/gpt-slots.ts';
import { hybridEntries, MBR_ENTRIES } from '../../disk/hybrid-mbr.ts';
import { seededId32 } from '../../disk/ids.ts';
import { MIB, place, type Placement } from '../../disk/layout.ts';
import { SLOT_TYPE } from '../../disk/layouts/edge.ts';
import { fatBytes } from '../../disk/mkfs-vfat.ts';
import { GROW_MARK, sfdiskArgv, sfdiskScript } from '../../disk/sfdisk.ts';
import { checkLimit, largestOf, partsFact, partsOf, type Part } from '../../disk/size-limit.ts';
import { OsmithError } from '../../errors.ts';
import type { Json } from '../../plan/types.ts';
import { defineStep, type StepContext } from '../types.ts';
import { grubDirectory } from '../../disk/grub-prefix.ts';
import { installBiosGrub, type CorePlace, type PlacedFile } from './bios.ts';
import { espContents, type EspFile } from './esp.ts';
import { params, type Params } from './params.ts';
import { writeSlotRecord } from './slot-record.ts';

type Context = StepContext<Params>;

/** Blob of this name: GRUB's core. */
const BIOS_GRUB = 'bios-grub';

/** The layout with the sizes that the configuration sets. */
function withSizes({ layout, espSize, headroom }: Params): Params['layout'] {
  const partitions = layout.partitions.map((partition) => {
    if (partition.contents !== 'esp') return partition;
    if (espSize !== undefined) return { ...partition, size: { bytes: espSize } };
    if (headroom === undefined || 'bytes' in partition.size) return partition;
    return { ...partition, size: { ...partition.size, headroom } };
  });
  return { ...layout, partitions };
}

/** Bytes of what goes into each partition. */
function contentSizes(context: Context, espBytes: number): Record<string, number> {
  const sizes = context.params.layout.partitions.map(({ name, contents }): [string, number] => {
    if (contents === 'image') return [name, context.blob(name).size];
    return [name, contents === 'esp' ? espBytes : 0];
  });
  return Object.fromEntries(sizes);
}

/** Bytes of a root file system in a slot, and of what is said about it at the slot's end. */
function slotNeed(context: Context, name: string): number {
  return context.blob(name).size + RECORD_SIZE;
}

/** Throws E_TOO_LARGE for what its partition cannot hold, and says what is largest in it. */
function checkContents(context: Context, layout: Params['layout'], boot: readonly EspFile[]): void {
  for (const { name, type, size, contents } of layout.partitions) {
    if (!('bytes' in size)) continue;
    if (contents === 'image') {
      const what = `The image for the partition ${name}`;
      const need = type === SLOT_TYPE ? slotNeed(context, name) : context.blob(name).size;
      checkLimit(what, need, size.bytes, partsOf(context.facts(name)));
    } else if (contents === 'esp') {
      const what = `What boots the system, for the partition ${name},`;
      const parts = largestOf(boot.map(({ target, size }) => ({ path: target, size })));
      const hint = 'Leave modules and programs out of what boots it, or set image.esp_size';
      checkLimit(what, fatBytes(boot.map(({ size }) => size)), size.bytes, parts, hint);
    }
  }
}

/** Copies an input to its place; holes stay holes. */
async function writeInput(context: Context, input: string, start: number): Promise<void> {
  const where = [`of=disk.raw`, `seek=${start}`, 'oflag=seek_bytes', 'conv=notrunc,sparse'];
  await context.exec({ argv: ['dd', `if=/in/${input}`, `bs=${MIB}`, 'status=none', ...where] });
}

async function writeBlobs(context: Context): Promise<PlacedFile[]> {
  const placed: PlacedFile[] = [];
  for (const { input, start, max } of context.params.layout.blobs) {
    if (input === BIOS_GRUB) continue;
    const { size } = context.blob(input);
    if (size > max) throw new OsmithError('E_TOO_LARGE', `${input} has ${size} bytes, its place ${max}`);
    await writeInput(context, input, start);
    placed.push({ file: input, start, size });
  }
  return placed;
}

/** Where GRUB's core for BIOS machines goes, if it goes anywhere. */
function corePlace({ layout, bios }: Params, { partitions }: Placement): CorePlace | undefined {
  if (!bios) return undefined;
  const partition = partitions.find(({ spec }) => spec.contents === 'bios-grub');
  if (partition !== undefined) return { start: partition.start, max: partition.size };
  return layout.blobs.find(({ input }) => input === BIOS_GRUB);
}

async function patchDisk(context: Context, data: Buffer, at: number): Promise<void> {
  const disk = await open(join(context.work, 'disk.raw'), 'r+');
  await disk.write(data, 0, data.length, at);
  await disk.close();
}

/** What the table itself cannot say in a DOS table. */
async function markGrowth(context: Context, { table, partitions }: Placement): Promise<void> {
  if (table !== 'dos' || !partitions.some(({ spec }) => spec.grows)) return;
  await patchDisk(context, Buffer.of(GROW_MARK.byte), GROW_MARK.at);
}

/** sfdisk writes an MBR that only protects. */
async function writeHybridMbr(context: Context, placement: Placement): Promise<void> {
  const entries = hybridEntries(placement);
  if (entries !== undefined) await patchDisk(context, entries, MBR_ENTRIES);
}

/** Where the root file system is, for those who mount it out of the image. */
function rootFact({ partitions }: Placement): Record<string, Json> {
  const root = partitions.find(({ spec }) => spec.name === 'root');
  return root === undefined ? {} : { root: { start: root.start, size: root.size } };
}

/** What fills the disk: the trees behind file systems say more than their images. */
function largest(context: Context, files: readonly { target: string; size: number }[]): Part[] {
  const images = context.params.layout.partitions.filter(({ contents }) => contents === 'image');
  const inside = largestOf(images.flatMap(({ name }) => partsOf(context.facts(name))));
  return inside.length > 0 ? inside : largestOf(files.map(({ target, size }) => ({ path: target, size })));
}

/** Room for an update: where slots are files, those of the other slot lie beside those that run. */
function needOf(context: Context, files: readonly EspFile[]): Need {
  const { slot, system } = context.params;
  const other = system === 'slots' ? ['vmlinuz', 'initrd'].map((input) => context.blob(input).size) : [];
  return {
    slot: slot === undefined ? undefined : slotNeed(context, slot),
    esp: fatBytes([...files.map(({ size }) => size), ...other]),
  };
}

export default defineStep<Params>({
  kind: 'disk',
  summary: ({ title, layout, bios }) =>
    `Make the disk image of ${title || layout.name} (UEFI${bios ? ' and BIOS' : ''})`,
  params,
  async run(context) {
    const { arch, label, size: wanted, maxSize = wanted, bios } = context.params;
    if (bios && arch !== 'amd64')
      throw new OsmithError('E_STEP', `${arch} machines have no BIOS: set bios to false`);
    const { files, directories, loaders } = await espContents(context);
    const layout = withSizes(context.params);
    checkContents(context, layout, files);
    const placement = place(layout, contentSizes(context, fatBytes(files.map(({ size }) => size))), bios);
    const parts = largest(context, files);
    const need = needOf(context, files);
    checkFleet(context.params.fleet, need, parts, await context.before());
    checkLimit('The disk image', placement.total, maxSize, parts);
    await writeFile(join(context.work, 'disk.raw'), '');
    await truncate(join(context.work, 'disk.raw'), wanted ?? placement.total);
    await context.exec({ argv: sfdiskArgv('disk.raw'), stdin: sfdiskScript(placement, context.seed) });
    const esp = placement.partitions.find(({ spec }) => spec.contents === 'esp');
    for (const { spec, start, size } of placement.partitions) {
      if (spec.contents === 'image') {
        await writeInput(context, spec.name, start);
        await writeSlotRecord(context, spec, start + size, size);
      }
      if (spec.contents !== 'esp' && spec.contents !== 'fat') continue;
      const id = seededId32(context.seed, `fat/${spec.name}`);
      const volume = { disk: 'disk.raw', start, size, id, label: spec.label ?? label };
      if (spec.contents === 'esp') await writeFatVolume(context, volume, files, directories);
      else await writeFatVolume(context, volume, []);
    }
    const placed = await writeBlobs(context);
    const core = corePlace(context.params, placement);
    if (core !== undefined && esp !== undefined) {
      const scheme = placement.table === 'gpt' ? 'gpt' : 'msdos';
      const grubDir = await grubDirectory(context, 'grub');
      placed.push(...(await installBiosGrub(context, core, `${scheme}${esp.number}`, grubDir)));
    }
    await writeHybridMbr(context, placement);
    await markGrowth(context, placement);
    const boot = { esp: esp?.start ?? null, loaders, placed: placed.map((file) => ({ ...file })) };
    return {
      files: { raw: 'disk.raw' },
      facts: { ...partsFact(parts), ...needFact(need), ...rootFact(placement), boot },
    };
  },
});
