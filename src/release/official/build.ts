/** Builds of containers as they are released: the image that each holds, unpacked and checked. */
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { OsmithError } from '../../errors.ts';
import { readImageLayout } from '../../oci/layout-files.ts';
import type { StoredImage } from '../../oci/stored.ts';
import { unpackImage } from '../../oci/archive.ts';
import type { Manifest } from '../../update/release.ts';
import { checkArtifacts, readBuildManifest } from '../build.ts';

const IMAGE = '.oci.tar';
const ROOTFS = '.tar.zst';

export interface ContainerBuild {
  /** Directory of the build. */
  dir: string;
  manifest: Manifest;
  /** As images call it. */
  arch: string;
  version: string;
  image: StoredImage;
  /** The image as a layout. */
  layout: string;
  rootfs: { file: string; name: string; sha256: string };
}

/** Opens the build in `dir`; its image is unpacked below `work`. All of it was verified when this returns. */
export async function openContainerBuild(
  dir: string,
  work: string,
  signal?: AbortSignal,
): Promise<ContainerBuild> {
  const { manifest } = await readBuildManifest(dir);
  const [archive, rootfs] = [IMAGE, ROOTFS].map((ending) =>
    manifest.artifacts.find(({ name }) => name.endsWith(ending)),
  );
  if (archive === undefined || rootfs === undefined)
    throw new OsmithError('E_NO_IMAGE', `The build in ${dir} is none of a container`, {
      hint: 'Build the product container, with the formats tar.zst and oci.tar',
    });
  await checkArtifacts(dir, manifest, signal);
  // Builds of several personalities have one name.
  const layout = await mkdtemp(join(work, 'image-'));
  await unpackImage(join(dir, archive.name), layout);
  const { image } = await readImageLayout(layout, manifest.name);
  return {
    ...{ dir, manifest, image, layout, arch: image.config.architecture },
    version: image.config.config?.Labels['org.opencontainers.image.version'] ?? '',
    rootfs: { file: join(dir, rootfs.name), name: rootfs.name, sha256: rootfs.sha256 },
  };
}
