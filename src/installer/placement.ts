/** Where the partitions lie on the machine's disks. */
import type { InstallManifest } from '../disk/install-manifest.ts';
import { place, type DiskLayout, type Placement } from '../disk/layout.ts';
import { OsmithError } from '../errors.ts';
import { describeDisk, type Device } from './disks.ts';

function placeOn(disk: Device, layout: DiskLayout, { parts, bios }: InstallManifest): Placement {
  const sizes = Object.fromEntries(parts.map(({ partition, size }) => [partition, size]));
  try {
    return place(layout, sizes, bios, disk.size);
  } catch (error) {
    if (!(error instanceof OsmithError) || error.code !== 'E_TOO_LARGE') throw error;
    throw new OsmithError('E_INSTALL', `The disk ${disk.name} is too small: ${error.message}`, {
      hint: `Choose another than ${describeDisk(disk)}`,
    });
  }
}

/** What tells the first start of the system that a partition is to be formatted: workspace/pkg/storage. */
const TO_FORMAT = 'GUID:48';

/** The same place, with a partition marked as new. */
export function markNew(placement: Placement, name: string | undefined): Placement {
  const partitions = placement.partitions.map((placed) => {
    if (placed.spec.name !== name) return placed;
    const attributes = [...(placed.spec.attributes ?? []), TO_FORMAT];
    return { ...placed, spec: { ...placed.spec, attributes } };
  });
  return { ...placement, partitions };
}

export interface Placements {
  system: Placement;
  /** Of the disk for persistent data, where that is another. */
  persist?: Placement;
}

/** Throws E_INSTALL for a disk that is too small. */
export function placements(manifest: InstallManifest, system: Device, persist?: Device): Placements {
  const { layout, roles } = manifest;
  if (persist === undefined) return { system: placeOn(system, layout, manifest) };
  const isPersist = ({ name }: { name: string }) => name === roles.persist;
  const own = layout.partitions.filter(isPersist);
  if (own.length === 0) {
    throw new OsmithError('E_INSTALL', `${manifest.title} has no partition for persistent data`, {
      hint: 'Leave the option persist out',
    });
  }
  const rest = layout.partitions.filter((spec) => !isPersist(spec));
  // The identity of the layout is that of the disk with the system.
  const alone: DiskLayout = { ...layout, id: undefined, partitions: own, blobs: [], hybrid: [] };
  return {
    system: placeOn(system, { ...layout, partitions: rest }, manifest),
    persist: placeOn(persist, alone, manifest),
  };
}
