/** Images from elsewhere that packages need, for each architecture on its own. */
import { pullImages, type Puller } from '../oci/pull.ts';
import { parseReference } from '../oci/reference.ts';
import type { StoredImage } from '../oci/stored.ts';
import type { Need } from './graph.ts';

export interface NeededImage {
  /** Full, as the image is known by. */
  reference: string;
  arch: string;
  image: StoredImage;
}

/** Fetches them; `pin` as in `Puller`. */
export async function pullNeeds(
  puller: Omit<Puller, 'arch'>,
  needs: readonly Need[],
): Promise<NeededImage[]> {
  const found: NeededImage[] = [];
  for (const [arch, list] of Map.groupBy(needs, (need) => need.arch)) {
    const wanted = list.map(({ reference, where }) => ({
      reference: parseReference(reference, where),
      where,
    }));
    const images = await pullImages({ ...puller, arch }, wanted);
    found.push(...[...images].map(([reference, image]) => ({ reference, arch, image })));
  }
  return found;
}
