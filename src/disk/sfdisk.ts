/** sfdisk (util-linux): writes the partition table of a disk image. */
import { seededUuid } from './ids.ts';
import { SECTOR, type Placement } from './layout.ts';

/** The script for sfdisk's standard input. Everything is said, so that nothing is left to chance or version. */
export function sfdiskScript(placement: Placement, seed: string): string {
  const head = ['label: gpt', `label-id: ${seededUuid(seed, 'disk')}`, 'unit: sectors', 'first-lba: 34'];
  const lines = placement.partitions.map(({ spec, start, size }) =>
    [
      `start=${start / SECTOR}`,
      `size=${size / SECTOR}`,
      `type=${spec.type}`,
      `uuid=${seededUuid(seed, `partition/${spec.name}`)}`,
      `name="${spec.name}"`,
      ...(spec.attributes === undefined ? [] : [`attrs="${spec.attributes.join(' ')}"`]),
    ].join(', '),
  );
  return [...head, '', ...lines, ''].join('\n');
}

export function sfdiskArgv(disk: string): string[] {
  // `--wipe never`: the image is new, and wiping would look for signatures in what is not written yet.
  return ['sfdisk', '--quiet', '--no-reread', '--no-tell-kernel', '--wipe', 'never', disk];
}
