/** The partition layout that a configuration chooses, as far as the machine can have it. */
import type { Config } from '../config/index.ts';
import { LAYOUTS } from '../disk/layouts/index.ts';
import type { DiskLayout } from '../disk/layout.ts';
import { pathMatcher } from '../disk/path-pattern.ts';
import { OsmithError } from '../errors.ts';
import type { Json } from './types.ts';

/** Why a layout cannot be used on a machine, in words. */
function misfit({ arch, platforms, partitions }: DiskLayout, config: Config): string | undefined {
  const { arch: machine = '', platform = '' } = config.attributes;
  if (arch !== undefined && !arch.includes(machine))
    return `it is for ${arch.join(', ')}, not for ${machine}`;
  if (platforms !== undefined && !pathMatcher(platforms)(platform))
    return `it is for the platforms ${platforms.join(', ')}, not for ${platform}`;
  const has = (wanted: string) => partitions.some(({ name }) => name === wanted);
  const system = config.get('image', 'system');
  if (system === 'memory' && has('root')) return 'it has a root partition, and this system runs from memory';
  if (system === 'composed' && !has('imga')) return 'it has no slots, which a composed system needs';
  if (system !== 'composed' && has('imga')) return 'it has slots, which only composed systems have';
  return undefined;
}

/** Throws E_CONFIG when there is no such layout, or it is for other machines. */
export function partitionLayout(config: Config): Json {
  const name = config.get('image', 'layout');
  const layout = LAYOUTS.get(name);
  const where = config.where('image', 'layout');
  if (layout === undefined) {
    throw new OsmithError('E_CONFIG', `There is no partition layout ${name}`, {
      where,
      hint: `Known: ${[...LAYOUTS.keys()].join(', ')}`,
    });
  }
  const why = misfit(layout, config);
  if (why !== undefined) {
    const fitting = [...LAYOUTS.values()].filter((other) => misfit(other, config) === undefined);
    throw new OsmithError('E_CONFIG', `The partition layout ${name} cannot be used: ${why}`, {
      where,
      hint: `For this machine there are: ${fitting.map((other) => other.name).join(', ')}`,
    });
  }
  const grows = config.bool('image', 'rootfs_resize');
  const partitions = layout.partitions.map(({ grows: marked, ...partition }) => ({
    ...partition,
    ...(marked === true && grows ? { grows } : {}),
  }));
  return { ...layout, partitions } as unknown as Json;
}
