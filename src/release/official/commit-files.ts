/** What a release commit holds: for each variant and architecture a directory, in one of the two hand-over forms. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContainerBuild } from './build.ts';
import { dockerfileOf } from './dockerfile.ts';
import type { OfficialSettings } from './settings.ts';

/** What bashbrew calls architectures of images. */
const ARCHITECTURES: Record<string, string> = { arm64: 'arm64v8' };

export function bashbrewArch(arch: string): string {
  return ARCHITECTURES[arch] ?? arch;
}

/** A variant of the image in one release: the same for several architectures. */
export interface ReleaseVariant {
  variant: string;
  tags: string[];
  builds: ContainerBuild[];
}

export function directoryOf({ variant }: Pick<ReleaseVariant, 'variant'>, { arch }: ContainerBuild): string {
  return `${variant}/${bashbrewArch(arch)}`;
}

/** An image layout, as `Builder: oci-import` takes it. */
async function layoutFiles({ layout }: ContainerBuild): Promise<Map<string, string>> {
  const blobs = (await readdir(join(layout, 'blobs/sha256'))).sort().map((name) => `blobs/sha256/${name}`);
  return new Map(['oci-layout', 'index.json', ...blobs].map((path) => [path, join(layout, path)]));
}

/** A Dockerfile, and the tarball beside it unless it is hosted elsewhere. */
function dockerfileFiles(
  build: ContainerBuild,
  settings: OfficialSettings,
  names: { stamp: string; variant: string },
) {
  const files = new Map<string, string | Buffer>([
    ['Dockerfile', Buffer.from(dockerfileOf(build, settings, names))],
    [`${build.rootfs.name}.sha256`, Buffer.from(`${build.rootfs.sha256}  ${build.rootfs.name}\n`)],
  ]);
  if (settings.tarballUrl === '') files.set(build.rootfs.name, build.rootfs.file);
  return files;
}

/** Paths in the commit to files of this machine, or to their bytes. */
export async function commitFiles(
  variants: readonly ReleaseVariant[],
  settings: OfficialSettings,
  stamp: string,
): Promise<Map<string, string | Buffer>> {
  const all = new Map<string, string | Buffer>();
  for (const variant of variants) {
    for (const build of variant.builds) {
      const files =
        settings.form === 'oci-import'
          ? await layoutFiles(build)
          : dockerfileFiles(build, settings, { stamp, variant: variant.variant });
      for (const [path, content] of files) all.set(`${directoryOf(variant, build)}/${path}`, content);
    }
  }
  return all;
}
