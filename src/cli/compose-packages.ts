/** Packages that a composition names, by `@pkg:` or by the name of their image: they are built on the way. */
import { dirname } from 'node:path';
import { imagesOf, readComposition, type Composition } from '../compose/composition.ts';
import type { Config } from '../config/index.ts';
import type { Where } from '../errors.ts';
import type { Puller } from '../oci/pull.ts';
import type { StoredImage } from '../oci/stored.ts';
import { expandReference } from '../oci/reference.ts';
import { buildImages } from '../pkg/build-images.ts';
import { openFamily, type AnyPackage, type Family } from '../pkg/family.ts';
import { packageGraph } from '../pkg/graph.ts';
import { buildFileNames } from '../pkg/package.ts';
import { hostArch } from '../plan/tools.ts';
import type { RunOptions } from '../run/scheduler.ts';
import { packageRoots } from '../template/compose-template.ts';
import type { ComposeInput } from './compose-inputs.ts';
import type { KnobOptions } from './knobs.ts';

export interface Composed {
  composition: Composition;
  /** The packages beside the files. */
  family: Family;
  /** Those whose images it names. */
  packages: AnyPackage[];
}

/** Reads a composition with the packages beside its files. Throws E_COMPOSE and E_PKG. */
export async function readWithPackages(
  inputs: readonly ComposeInput[],
  { personality: hv, platform, dev, hash, org, packages: given }: KnobOptions,
): Promise<Composed> {
  const places = new Map<string, Where | undefined>();
  readComposition(inputs, (dir, where) => {
    places.set(dir, where);
    return 'localhost/package';
  });
  // What is named by its directory may be made from others beside it.
  const beside = [...places.keys()].map((dir) => dirname(dir));
  const roots = [...new Set([...inputs.flatMap(({ file }) => packageRoots(file, given)), ...beside])];
  const family = openFamily([], { buildYml: buildFileNames({ hv, platform, dev }), hash, org }, roots);
  const byDir = new Map<string, AnyPackage>();
  for (const [dir, where] of places) byDir.set(dir, await family.at(dir, where));
  const composition = readComposition(inputs, (dir) => byDir.get(dir)!.canonical);
  const found = new Map([...byDir.values()].map((pkg) => [pkg.canonical, pkg]));
  for (const { image } of imagesOf(composition)) {
    if (found.has(expandReference(image))) continue;
    const pkg = await family.byReference(image);
    if (pkg !== undefined) found.set(pkg.canonical, pkg);
  }
  return { composition, family, packages: [...found.values()] };
}

/** Builds them; their images by full reference. */
export async function buildComposed(
  { packages, family }: Composed,
  { configFor, puller, run }: { configFor: (arch: string) => Config; puller: Puller; run: RunOptions },
): Promise<Map<string, StoredImage>> {
  const { arch } = puller;
  const host = hostArch();
  const wanted = packages.map((pkg) => ({ pkg, arch }));
  const graph = await packageGraph(wanted, { family, host });
  const built = await buildImages(graph, { configFor, host, puller }, run);
  return new Map(built.filter((each) => each.arch === arch).map(({ pkg, image }) => [pkg.canonical, image]));
}
