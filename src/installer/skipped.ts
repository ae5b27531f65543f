/** What stays as it is on a disk that is installed anew: where it must lie, and what the table says of it. */
import type { InstallManifest } from '../disk/install-manifest.ts';
import { parseState } from '../disk/gpt-slots.ts';
import { entriesOf, readGpt, type GptEntry } from '../disk/gpt-table.ts';
import type { Placed, Placement } from '../disk/layout.ts';
import { SLOT_TYPE } from '../disk/layouts/edge.ts';
import { OsmithError } from '../errors.ts';
import { rawDisk } from '../update/raw-disk.ts';
import type { Device } from './disks.ts';
import type { SkippedPart } from './options.ts';

const isSlot = ({ type }: { type: string }) => type === SLOT_TYPE;

/** The partitions that these words mean. The root file system is in either slot: which, an update decides. */
export function skippedPartitions(
  { layout, roles }: InstallManifest,
  skip: readonly SkippedPart[],
): string[] {
  const root = layout.partitions.find(({ name }) => name === roles.root);
  const slots = layout.partitions.filter(({ type }) => type === root?.type).map(({ name }) => name);
  return skip.flatMap((part) => (part === 'root' ? slots : (roles[part] ?? [])));
}

/** Nothing, if its tables are damaged. */
async function entries(disk: Device): Promise<GptEntry[]> {
  try {
    return entriesOf((await readGpt(rawDisk(disk.path))).table);
  } catch (error) {
    if (error instanceof OsmithError) return [];
    throw error;
  }
}

/** In sfdisk's words. */
function attributes(state: number): string[] {
  const bits = Array.from({ length: 16 }, (_, bit) => bit).filter((bit) => (state & (1 << bit)) !== 0);
  return bits.length === 0 ? [] : [`GUID:${bits.map((bit) => 48 + bit).join(',')}`];
}

function boots(state: number): boolean {
  const { priority, tries, successful } = parseState(state);
  return priority > 0 && (tries > 0 || successful);
}

function cannotStay(disk: Device, why: string): OsmithError {
  return new OsmithError('E_INSTALL', `The disk ${disk.name} ${why}: it cannot stay as it is`, {
    hint: 'Nothing has been written. Leave it out of the option skip',
  });
}

/**
 * The same places, where what is skipped keeps its attributes: they say which slot boots, and whether persistent data was
 * ever formatted. Throws E_INSTALL unless it lies where the new table will have it, and one of skipped slots boots.
 */
export async function keepSkipped(
  disk: Device,
  placement: Placement,
  skipped: readonly string[],
): Promise<Placement> {
  if (skipped.length === 0) return placement;
  const there = await entries(disk);
  const keep = (placed: Placed): Placed => {
    const { spec, start, size } = placed;
    if (!skipped.includes(spec.name)) return placed;
    const title = spec.title ?? spec.name;
    const found = there.find(({ name }) => name === title);
    if (found === undefined) throw cannotStay(disk, `has no partition ${title}`);
    if (found.start !== start || found.size !== size)
      throw cannotStay(disk, `has its ${title} in another place`);
    return { ...placed, spec: { ...spec, attributes: attributes(found.state) } };
  };
  const partitions = placement.partitions.map(keep);
  const slots = partitions.filter(({ spec }) => isSlot(spec) && skipped.includes(spec.name));
  const states = slots.map(({ spec }) => there.find(({ name }) => name === spec.title)!.state);
  if (slots.length > 0 && !states.some(boots)) throw cannotStay(disk, 'has no slot that boots');
  return { ...placement, partitions };
}
