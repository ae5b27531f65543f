/** Releases builds of containers to a registry: one index for all architectures, under one tag. */
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { tempDir } from '../env.ts';
import { OsmithError } from '../errors.ts';
import { imageIndex, pushImages } from '../oci/push.ts';
import { parseReference } from '../oci/reference.ts';
import { registrySource } from '../oci/registry.ts';
import { digestOf } from '../oci/verify.ts';
import { openContainerBuild, type ContainerBuild } from './official/build.ts';

export interface RegistryRequest {
  /** Directories of builds. */
  dirs: string[];
  /** REGISTRY/REPOSITORY[:TAG] */
  target: string;
  /** Push nothing. */
  dryRun: boolean;
  signal: AbortSignal;
}

export interface RegistryReport {
  action: 'nothing' | 'publish';
  reference: string;
  /** Of the index. */
  digest: string;
  images: { arch: string; version: string; digest: string; build: string }[];
}

/** In one order, whatever order they were named in: the same builds are the same index. */
function sorted(builds: ContainerBuild[]): ContainerBuild[] {
  const all = builds.toSorted((a, b) => (a.arch < b.arch ? -1 : 1));
  const twice = all.find(({ arch }, index) => all[index + 1]?.arch === arch);
  if (twice === undefined) return all;
  throw new OsmithError('E_USAGE', `Two builds are for ${twice.arch}: one reference has one image for each`, {
    hint: 'Release them under different tags',
  });
}

/** Pushes what the registry does not have under this reference already. */
export async function releaseToRegistry(request: RegistryRequest): Promise<RegistryReport> {
  const { dirs, target, dryRun, signal } = request;
  const reference = parseReference(target);
  if (reference.digest !== undefined)
    throw new OsmithError('E_USAGE', `${target} names a digest: what it is follows from what is released`, {
      hint: 'Write docker://REGISTRY/REPOSITORY:TAG',
    });
  const work = await mkdtemp(join(tempDir(), 'osmith-push-'));
  try {
    const builds = sorted(await Promise.all(dirs.map((dir) => openContainerBuild(dir, work, signal))));
    const layouts = new Map(
      builds.flatMap(({ layout, image }) => {
        const layers = image.layers.map(({ digest }) => digest.slice('sha256:'.length));
        const { manifest, config } = image.documents;
        return [manifest.digest, config.digest, ...layers].map((digest) => [digest, layout] as const);
      }),
    );
    const pathOf = (digest: string) => join(layouts.get(digest)!, 'blobs/sha256', digest);
    const digest = digestOf(await imageIndex(pathOf, builds));
    const images = builds.map(({ arch, version, image, dir }) => ({
      ...{ arch, version, digest: image.digest, build: dir },
    }));
    const report = { reference: reference.full, digest, images };
    const there = await registrySource({ mirrors: [], signal }).find(reference);
    if (there?.descriptor.digest === digest) return { action: 'nothing', ...report };
    if (!dryRun) await pushImages(pathOf, reference, builds, signal);
    return { action: 'publish', ...report };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
