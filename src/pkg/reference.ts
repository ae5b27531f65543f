/** What the image of a package directory is called, whichever kind it is: linuxkit's rule, by the directory's id in git. */
import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { sep } from 'node:path';
import { envVar } from '../env.ts';
import { OsmithError, type Where } from '../errors.ts';
import { expandReference } from '../oci/reference.ts';
import { commitHash, contentHash, isDirty, isWorkTree, lastCommit, treeHash, type Commit } from './git.ts';

/** How names are computed, from the command line. */
export interface NameOptions {
  org?: string | undefined;
  /** A template that has `{{.Hash}}` in it. */
  tag?: string | undefined;
  /** In place of git's. */
  hash?: string | undefined;
  /** The directory that is hashed: the package's own, or one above it. */
  hashPath?: string | undefined;
  hashCommit?: string | undefined;
  /** Own organisation, and `dev` for a hash. */
  dev?: boolean | undefined;
  forceDirty?: boolean | undefined;
}

/** What the package itself says. */
export interface NameSource {
  /** Absolute, without symbolic links. */
  dir: string;
  org: string;
  image: string;
  /** A template that has `{{.Hash}}` in it, and where it stands. */
  tag: string;
  tagWhere?: Where | undefined;
  /** Further directories that go into the image, without symbolic links. */
  extraDirs?: readonly string[];
}

export interface ImageName {
  org: string;
  /** Empty outside of git. */
  hash: string;
  dirty: boolean;
  /** `ORG/IMAGE:TAG`. */
  reference: string;
  /** The same with its registry. */
  canonical: string;
  /** The last commit that changed it; none outside of git. Asked when it is needed: git takes its time for each package. */
  lastCommit: () => Promise<Commit | undefined>;
}

/** The directory of a package, without symbolic links. Throws E_PKG. */
export async function packageDir(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (cause) {
    throw new OsmithError('E_PKG', `There is no package ${path}`, {
      cause,
      hint: 'Name a directory with build.yml and a Dockerfile, or with debian.yml',
    });
  }
}

/** The directories that go into the hash: that of the package first, then its further sources. */
async function hashedDirs({ dir, extraDirs = [] }: NameSource, hashPath?: string): Promise<string[]> {
  const path = hashPath === undefined ? dir : await packageDir(hashPath);
  if (dir === path || dir.startsWith(path.endsWith(sep) ? path : path + sep)) return [path, ...extraDirs];
  throw new OsmithError('E_USAGE', `The hash path ${path} is no parent of ${dir}`, {
    hint: 'Name the package or a directory above it',
  });
}

/** Why git has no tree of a directory in a commit; nothing to say outside of git. */
async function checkInGit(dir: string, commit: string): Promise<OsmithError | undefined> {
  if ((await commitHash(dir, commit)) !== undefined) {
    return new OsmithError('E_PKG', `${dir} is not in git at ${commit}`, {
      hint: 'Commit the package, or give its hash with --hash',
    });
  }
  if (!(await isWorkTree(dir))) return undefined;
  throw new OsmithError('E_PKG', `There is no commit ${commit} in the repository of ${dir}`, {
    hint: 'Commit something first, or name another commit with --hash-commit',
  });
}

/** The tree's id in git, and what sets the files apart from it. */
async function packageHash(source: NameSource, options: NameOptions) {
  const { dir } = source;
  const { hash, hashCommit: commit = 'HEAD', forceDirty = false } = options;
  const dirs = await hashedDirs(source, options.hashPath);
  // Starting git takes longer than what it does: all is asked at once, and nothing that follows from an answer.
  const [changed, trees] = await Promise.all([
    commit === 'HEAD' && isDirty(dirs[0]!),
    Promise.all(dirs.map((each) => treeHash(each, commit))),
  ]);
  const missing = trees.indexOf(undefined);
  if (missing >= 0) {
    const refusal = await checkInGit(dirs[missing]!, commit);
    if (refusal === undefined)
      return { hash: hash ?? '', dirty: false, lastCommit: () => Promise.resolve(undefined) };
    if (hash === undefined) throw refusal;
  }
  const dirty = forceDirty || changed;
  const differs = hash === undefined && dirty ? `-dirty-${(await contentHash(dir)).slice(0, 7)}` : '';
  const clean = trees.length === 1 ? trees[0]! : createHash('sha1').update(trees.join('')).digest('hex');
  return { hash: (hash ?? clean) + differs, dirty, lastCommit: () => lastCommit(dirs, commit) };
}

const HASH = /\{\{\s*\.Hash\s*\}\}/g;

function makeTag(template: string, hash: string, where: Where | undefined): string {
  const tag = hash === '' && template.trim() === '{{.Hash}}' ? 'latest' : template.replaceAll(HASH, hash);
  if (/^\w[\w.-]{0,127}$/.test(tag)) return tag;
  throw new OsmithError('E_PKG', `${JSON.stringify(tag)} is no tag of an image`, {
    where,
    hint: 'A tag template is letters, digits and . _ - around {{.Hash}}',
  });
}

/** The organisation that an image gets: `given` is what its own file says. */
export function organisation(given: string, { org, dev = false }: NameOptions): string {
  return org ?? (dev ? envVar('USER') : undefined) ?? envVar('LINUXKIT_PKG_ORG') ?? given;
}

/** Throws E_PKG. */
export async function nameImage(source: NameSource, options: NameOptions): Promise<ImageName> {
  const given = options.dev ? { ...options, hash: options.hash ?? 'dev' } : options;
  const { hash, ...state } = await packageHash(source, given);
  const org = organisation(source.org, options);
  const tag = makeTag(options.tag ?? source.tag, hash, source.tagWhere);
  const reference = `${org}/${source.image}:${tag}`;
  return { org, hash, ...state, reference, canonical: expandReference(reference) };
}
