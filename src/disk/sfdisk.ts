/** sfdisk (util-linux): writes the partition table of a disk image. */
import { seededId32, seededUuid } from './ids.ts';
import { SECTOR, type Placed, type Placement } from './layout.ts';

/** Attribute of a GPT partition, and type of a DOS table's last entry, that ask Endless' first boot to enlarge it. */
const GROW_ATTRIBUTE = 'GUID:55';
export const GROW_MARK = { at: 498, byte: 0xdd };

function gptFields({ spec }: Placed, seed: string): string[] {
  const attributes = [...(spec.attributes ?? []), ...(spec.grows === true ? [GROW_ATTRIBUTE] : [])];
  return [
    `uuid=${spec.uuid ?? seededUuid(seed, `partition/${spec.name}`)}`,
    `name="${spec.title ?? spec.name}"`,
    ...(attributes.length === 0 ? [] : [`attrs="${attributes.join(' ')}"`]),
  ];
}

/** The script for sfdisk's standard input. Everything is said, so that nothing is left to chance or version. */
export function sfdiskScript({ table, id, partitions }: Placement, seed: string): string {
  const head =
    table === 'gpt'
      ? ['label: gpt', `label-id: ${id ?? seededUuid(seed, 'disk')}`, 'unit: sectors', 'first-lba: 34']
      : ['label: dos', `label-id: 0x${id ?? seededId32(seed, 'disk')}`, 'unit: sectors'];
  const lines = partitions.map((placed) => {
    const { number, spec, start, size } = placed;
    const place = [`start=${start / SECTOR}`, `size=${size / SECTOR}`, `type=${spec.type}`];
    const more = table === 'gpt' ? gptFields(placed, seed) : spec.bootable === true ? ['bootable'] : [];
    return `${number} : ${[...place, ...more].join(', ')}`;
  });
  return [...head, '', ...lines, ''].join('\n');
}

export function sfdiskArgv(disk: string): string[] {
  // `--wipe never`: the image is new, and wiping would look for signatures in what is not written yet.
  return ['sfdisk', '--quiet', '--no-reread', '--no-tell-kernel', '--wipe', 'never', disk];
}
