/** A package with a Dockerfile: its directory, what its build.yml says, and what its image is called. */
import { realpath, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { OsmithError } from '../errors.ts';
import { whereOf } from '../compose/yaml.ts';
import { readBuildFile, type BuildFile } from './build-yml.ts';
import { nameImage, packageDir, type ImageName, type NameOptions } from './reference.ts';

/** How tags are computed, from the command line. */
export interface TagOptions extends NameOptions {
  /** Which of a package's build files to use; the first that exists counts, `build.yml` at last. */
  buildYml?: readonly string[];
}

export interface Package extends ImageName {
  /** Absolute, without symbolic links. */
  dir: string;
  /** The directory's own name. */
  name: string;
  build: BuildFile;
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

/** The first of these files that a package has. */
async function chooseBuildFile(dir: string, names: readonly string[]): Promise<string> {
  for (const name of names) if (await exists(join(dir, name))) return name;
  return names.length === 1 ? names[0]! : 'build.yml';
}

/** Directories outside of the package that go into its image. */
function extraDirs(dir: string, build: BuildFile): Promise<string[]> {
  const sources = build.raw['extra-sources'] ?? [];
  return Promise.all(
    build.extraSources.map(({ from }, index) =>
      realpath(resolve(dir, from)).catch((cause: unknown) => {
        const where = whereOf(sources, index);
        throw new OsmithError('E_PKG', `There is no ${from} for the package`, {
          ...{ cause, where, hint: 'A further source is a directory, relative to the package' },
        });
      }),
    ),
  );
}

/** What describes a package in its variant. Throws E_PKG. */
export async function readBuild(dir: string, { buildYml = ['build.yml'] }: TagOptions): Promise<BuildFile> {
  return readBuildFile(dir, await chooseBuildFile(dir, buildYml));
}

/** Reads a package and computes its tag. Throws E_PKG. */
export async function readPackage(path: string, options: TagOptions = {}): Promise<Package> {
  const dir = await packageDir(path);
  const build = await readBuild(dir, options);
  const { org, image, tag } = build;
  const tagWhere = whereOf(build.raw, 'tag');
  const extra = await extraDirs(dir, build);
  const name = await nameImage({ dir, org, image, tag, tagWhere, extraDirs: extra }, options);
  return { dir, name: basename(dir), build, ...name };
}

/** The build files that a package may have for a variant, the most special first. */
export function buildFileNames(variant: {
  hv?: string | undefined;
  dev?: boolean | undefined;
  rstats?: boolean | undefined;
  platform?: string | undefined;
}): string[] {
  const { hv, dev, rstats, platform } = variant;
  const names = [
    ...(hv === 'k' ? [dev ? 'build-k-dev.yml' : 'build-k.yml'] : []),
    ...(rstats ? ['build-rstats.yml'] : []),
    ...(dev ? ['build-dev.yml'] : []),
    ...(platform === undefined ? [] : [`build-${platform}.yml`]),
  ];
  return [...names, 'build.yml'];
}
