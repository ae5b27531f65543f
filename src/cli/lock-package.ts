/** What the lock file of a package records: which images its Dockerfile is built from. */
import { pullImages, type Puller } from '../oci/pull.ts';
import { parseReference } from '../oci/reference.ts';
import { openFamily } from '../pkg/family.ts';
import { packageGraph } from '../pkg/graph.ts';
import { lockedNeeds } from '../pkg/images-lock.ts';
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
  const entries: LockEntry[] = [];
  for (const [own, list] of Map.groupBy(needs, (need) => need.arch)) {
    const wanted = list.map(({ reference, where }) => ({
      reference: parseReference(reference, where),
      where,
    }));
    const images = await pullImages({ ...puller, arch: own }, wanted);
    entries.push(
      ...[...images].map(([full, { digest }]) => ({ key: imageKey({ full }, own), value: digest })),
    );
  }
  return entries;
}
