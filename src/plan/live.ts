/** What of a plan a live update needs: a list of the tree in place of the tree, and the small partitions. */
import type { Item } from '../compose/items.ts';
import type { DiskLayout } from '../disk/layout.ts';
import { OsmithError } from '../errors.ts';
import { stepsFor } from './assemble.ts';
import type { Json, Plan, Step } from './types.ts';

export interface LivePlan {
  plan: Plan;
  /** In the order of the tree: an item as it is, or the step that lists it. */
  parts: { item: Item; step?: string }[];
  /** The step with the root file system of a clean build, and that which makes the disk. */
  rootfs: Step;
  disk: Step;
}

/** Ids of the steps that make the partitions beside the root file system. */
export const LIVE = { config: 'package/config', frame: 'package/frame' } as const;

function stepOf(plan: Plan, id: string): Step {
  const found = plan.steps.find((step) => step.id === id);
  if (found !== undefined) return found;
  throw new OsmithError('E_LIVE', 'Only systems that are composed of images can be updated live', {
    hint: 'Leave out --live-update; `osmith build --product edge` makes such a system',
  });
}

function hasFiles(item: Item): boolean {
  return item.kind === 'image' || item.kind === 'kernel' || item.kind === 'copied';
}

/** The disk without what fills its slot and its configuration: table, boot loaders and what they start. */
function frameStep(disk: Step): Step {
  const layout = disk.params['layout'] as unknown as DiskLayout;
  const images = layout.partitions.filter(({ contents }) => contents === 'image').map(({ name }) => name);
  const partitions = layout.partitions.map((partition) => {
    if (!images.includes(partition.name)) return partition;
    const { size } = partition;
    const bytes = 'bytes' in size ? size.bytes : 'min' in size ? size.min : 0;
    return { ...partition, contents: 'empty', size: { bytes } };
  });
  const params = Object.fromEntries(Object.entries(disk.params).filter(([name]) => name !== 'slot'));
  const inputs = Object.fromEntries(Object.entries(disk.inputs).filter(([name]) => !images.includes(name)));
  return {
    ...{ ...disk, id: LIVE.frame, inputs },
    params: { ...params, layout: { ...layout, partitions } as unknown as Json, fleet: [] },
  };
}

/** Throws E_LIVE for a system that cannot be updated live. */
export function livePlan(plan: Plan): LivePlan {
  const [system, rootfs, disk] = ['image/system', 'package/rootfs', 'package/disk'].map((id) =>
    stepOf(plan, id),
  ) as [Step, Step, Step];
  if (rootfs.params['format'] !== 'ext4') {
    throw new OsmithError(
      'E_LIVE',
      `A root file system of ${JSON.stringify(rootfs.params['format'])} cannot be changed in place`,
      {
        hint: 'Set image.filesystem = ext4 and build once without --live-update',
      },
    );
  }
  const items = system.params['items'] as unknown as Item[];
  const list = (id: string, params: Step['params']): Step => ({
    ...{ id, kind: 'compose-list', stage: 'image', params, inputs: {} },
  });
  const lists: Step[] = [];
  const images = items.filter(hasFiles);
  const parts = items.map((item): LivePlan['parts'][number] => {
    if (item.kind !== 'packages' && item.kind !== 'sbom' && !hasFiles(item)) return { item };
    const id = `image/list-${lists.length}`;
    lists.push(
      hasFiles(item)
        ? list(id, { items: [item] as unknown as Json })
        : list(id, { items: [...images, item] as unknown as Json, bills: true }),
    );
    return { item, step: id };
  });
  const steps = [...plan.steps, frameStep(disk), ...lists];
  const wanted = [LIVE.config, LIVE.frame, ...lists.map(({ id }) => id)];
  return { plan: { ...plan, steps: stepsFor(steps, wanted), artifacts: [] }, parts, rootfs, disk };
}
