/** What the lock file of a package records: which images its Dockerfile is built from. */
import type { Puller } from '../oci/pull.ts';
import { openFamily } from '../pkg/family.ts';
import { packageGraph } from '../pkg/graph.ts';
import { lockedNeeds } from '../pkg/images-lock.ts';
import { pullNeeds } from '../pkg/needed-images.ts';
import { hostArch } from '../plan/tools.ts';
import { imageKey, type LockEntry } from '../template/lock.ts';

/** The lines for one architecture, those of the stages that run on this machine included. */
export async function packageEntriesFor(
  dir: string,
  arch: string,
  puller: Omit<Puller, 'arch'>,
): Promise<LockEntry[]> {
  const family = openFamily([dir]);
  const pkg = await family.at(dir);
  const { nodes } = await packageGraph([{ pkg, arch }], { family, host: hostArch() });
  const needs = nodes.filter((node) => node.pkg.dir === pkg.dir).flatMap(lockedNeeds);
  const images = await pullNeeds(puller, needs);
  return images.map(({ reference: full, arch: own, image }) => ({
    key: imageKey({ full }, own),
    value: image.digest,
  }));
}
