/** Packages that know each other, of either kind: those that were named, and those in the directories beside them. */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { whereOf } from '../compose/yaml.ts';
import { OsmithError, type Where } from '../errors.ts';
import { matchesGlob } from '../config/glob.ts';
import { expandReference } from '../oci/reference.ts';
import { isDebianPackage, openDebianPackage, readDebianPackage, type NamedDebian } from './debian.ts';
import { readBuild, readPackage, type Package, type TagOptions } from './package.ts';
import { organisation } from './reference.ts';

export type AnyPackage = Package | NamedDebian;

export function isOfDebian(pkg: AnyPackage): pkg is NamedDebian {
  return 'debian' in pkg;
}

export interface Family {
  /** By directory. Throws E_PKG if there is none. */
  at(path: string, where?: Where): Promise<AnyPackage>;
  /** The package that is built as this image; undefined for what comes from elsewhere. */
  byReference(reference: string): Promise<AnyPackage | undefined>;
  /** Packages with this name, whatever their tag. */
  byImage(reference: string): Promise<AnyPackage[]>;
}

/** Options that hold for the packages that were named only: those beside them keep their own tags. */
const OWN: (keyof TagOptions)[] = ['hash', 'tag', 'forceDirty', 'hashCommit', 'hashPath'];

function isPackage(dir: string): boolean {
  return existsSync(join(dir, 'build.yml')) || isDebianPackage(dir);
}

/** Directories in `parent` that are packages, sorted. */
async function packagesIn(parent: string): Promise<string[]> {
  const names = (await readdir(parent).catch(() => [])).sort();
  return names.map((name) => join(parent, name)).filter(isPackage);
}

/** A reference without tag and digest. */
export function imageName(reference: string): string {
  const bare = expandReference(reference).split('@')[0]!;
  return bare.replace(/:[^:/]*$/, '');
}

/** `named` are directories; `roots` further ones whose sub-directories are packages. */
export function openFamily(
  named: readonly string[],
  options: TagOptions = {},
  roots: readonly string[] = [],
): Family {
  const known = new Map<string, Promise<AnyPackage>>();
  const own = new Set(named.map((path) => resolve(path)));
  const beside = Object.fromEntries(
    Object.entries(options).filter(([key]) => !OWN.includes(key as keyof TagOptions)),
  ) as TagOptions;
  const optionsOf = (dir: string) => (own.has(dir) ? options : beside);

  function read(dir: string, where?: Where): Promise<AnyPackage> {
    const open = () =>
      isDebianPackage(dir) ? openDebianPackage(dir, optionsOf(dir), where) : readPackage(dir, optionsOf(dir));
    let found = known.get(dir);
    if (found === undefined) known.set(dir, (found = open()));
    return found;
  }

  /** What its image is called, without asking git for the tag. One that is not finished is no hindrance to others. */
  async function nameIn(dir: string): Promise<string | undefined> {
    try {
      const given = isDebianPackage(dir) ? readDebianPackage(dir) : await readBuild(dir, optionsOf(dir));
      return imageName(`${organisation(given.org, optionsOf(dir))}/${given.image}`);
    } catch (error) {
      if (error instanceof OsmithError) return undefined;
      throw error;
    }
  }

  const parents = [
    ...new Set([...own].map((dir) => dirname(dir)).concat(roots.map((root) => resolve(root)))),
  ];

  async function names(): Promise<{ dir: string; name: string | undefined }[]> {
    const lists = await Promise.all(parents.map(packagesIn));
    const dirs = [...new Set([...own, ...lists.flat()])].sort();
    return Promise.all(dirs.map(async (dir) => ({ dir, name: await nameIn(dir) })));
  }
  let everything: ReturnType<typeof names> | undefined;

  async function byImage(reference: string): Promise<AnyPackage[]> {
    const wanted = imageName(reference);
    const dirs = (await (everything ??= names())).filter(({ name }) => name === wanted);
    const found = dirs.map(({ dir }) => (own.has(dir) ? read(dir) : read(dir).catch(() => undefined)));
    return (await Promise.all(found)).filter((each) => each !== undefined);
  }

  return {
    at: async (path, where) => {
      const dir = resolve(path);
      if (own.has(dir) || isPackage(dir)) return read(dir, where);
      throw new OsmithError('E_PKG', `There is no package ${path}`, {
        where,
        hint: 'Paths are relative to the file that names them; a package is a directory with build.yml or debian.yml',
      });
    },
    byReference: async (reference) => {
      const canonical = expandReference(reference);
      return (await byImage(reference)).find((each) => each.canonical === canonical);
    },
    byImage,
  };
}

/** Package directories that a pattern such as `../pkg/*` matches. */
export async function matchPackages(base: string, pattern: string): Promise<string[]> {
  const parent = resolve(base, dirname(pattern));
  return (await packagesIn(parent)).filter((dir) => matchesGlob(basename(pattern), basename(dir)));
}

/** What a value `@lkt:…` or `@pkg:…` in this list is relative to: the file that holds it. */
export function placeOf(
  list: object,
  index: number,
  file: string,
): { where: Where | undefined; dir: string } {
  return { where: whereOf(list, index) ?? { file }, dir: dirname(file) };
}
