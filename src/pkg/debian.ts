/**
 * Packages made of Debian's: a directory with `debian.yml`, and `root/` with files that go over theirs. No script of a
 * package is run, so what is made holds exactly the files of both.
 */
import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { checkValue, containerConfig, type ContainerConfig } from '../compose/schema.ts';
import { parseYaml, whereOf } from '../compose/yaml.ts';
import { OsmithError, type Where } from '../errors.ts';
import { readLock, type LockFile } from '../template/lock.ts';
import { PROGRAMS, type Program } from '../plan/programs.ts';
import { ARCHITECTURES } from './build-yml.ts';
import { nameImage, packageDir, type ImageName, type NameOptions } from './reference.ts';

export const DEBIAN_FILE = 'debian.yml';
/** Which version of everything a mirror holds. */
export const MIRROR_LOCK = 'debian.lock';

const names = z.array(z.string());

const schema = z
  .strictObject({
    /** As in linuxkit's build.yml. */
    ...{ image: z.string(), org: z.string(), config: containerConfig },
    packages: names,
    ...{ packages_amd64: names, packages_arm64: names, packages_riscv64: names },
    /** Of the packages and what they need: only these, and not those. `*` stands for anything. */
    ...{ only: names, without: names },
    /** Paths that are left out, with all below them. `*` stands for anything but a slash. */
    exclude: names,
    /** Whether it becomes a kernel image: `/kernel`, and its modules as `/kernel.tar`. */
    kernel: z.boolean(),
    /** Programs of Osmith's own that go to `/usr/lib/osmith`. */
    programs: z.array(z.enum(PROGRAMS)),
    /** Whether it becomes an archive of the package files, to build others from without network. */
    mirror: z.boolean(),
  })
  .partial();

export interface DebianPackage {
  dir: string;
  org: string;
  image: string;
  /** `ORG/IMAGE`. */
  repository: string;
  /** What is installed on any machine, and further on some. */
  packages: string[];
  packagesFor: Record<string, string[]>;
  only: string[];
  without: string[];
  exclude: string[];
  kernel: boolean;
  mirror: boolean;
  programs: Program[];
  /** Defaults of containers that are made of it. */
  config: ContainerConfig;
  /** Where a package of Debian, or a pattern of such, is named. */
  whereOf: (name: string) => Where | undefined;
}

const NAME = /^[a-z0-9][a-z0-9+.-]*$/;
const NAME_PATTERN = /^[a-z0-9*][a-z0-9+.*-]*$/;
const PATH_PATTERN = /^(?!\/)(?!.*(?:^|\/)\.\.(?:\/|$))[\w.+*/@:~-]+$/;

function checkWords(list: string[], pattern: RegExp, what: string): void {
  const wrong = list.findIndex((word) => !pattern.test(word));
  if (wrong < 0) return;
  throw new OsmithError('E_COMPOSE', `${JSON.stringify(list[wrong])} cannot be ${what}`, {
    where: whereOf(list, wrong),
    hint: 'docs/compose.md says what a package directory holds',
  });
}

/** Whether a directory is a package of this kind. */
export function isDebianPackage(dir: string): boolean {
  return existsSync(join(dir, DEBIAN_FILE));
}

const known = new Map<string, { text: string; read: DebianPackage }>();

/** Reads `DIR/debian.yml`. Throws E_COMPOSE. `named`: where somebody names the directory. */
export function readDebianPackage(dir: string, named?: Where): DebianPackage {
  const file = join(dir, DEBIAN_FILE);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new OsmithError('E_COMPOSE', `${dir} is no package directory: ${(cause as Error).message}`, {
      cause,
      where: named,
      hint: `It needs a ${DEBIAN_FILE}; a package with a Dockerfile is made by \`osmith pkg build\` and named by its tag`,
    });
  }
  // Every composition looks at all packages beside it.
  const before = known.get(dir);
  if (before?.text === text) return before.read;
  const read = parsePackage(dir, file, text);
  known.set(dir, { text, read });
  return read;
}

function parsePackage(dir: string, file: string, text: string): DebianPackage {
  const value = checkValue(schema, parseYaml(text, file) ?? {}, file);
  const {
    packages = [],
    only = [],
    without = [],
    exclude = [],
    kernel = false,
    programs = [],
    config = {},
    mirror = false,
  } = value;
  const packagesFor = {
    ...(value.packages_amd64 && { amd64: value.packages_amd64 }),
    ...(value.packages_arm64 && { arm64: value.packages_arm64 }),
    ...(value.packages_riscv64 && { riscv64: value.packages_riscv64 }),
  };
  const lists = [packages, ...Object.values(packagesFor)];
  for (const list of lists) checkWords(list, NAME, 'the name of a Debian package');
  for (const list of [only, without]) checkWords(list, NAME_PATTERN, 'a pattern of package names');
  checkWords(exclude, PATH_PATTERN, 'a pattern of paths: they are relative, without ..');
  if (lists.flat().length === 0) {
    throw new OsmithError('E_COMPOSE', `${file} names no packages`, {
      where: { file },
      hint: 'packages: [busybox-static] is the least',
    });
  }
  const odd = (['only', 'without', 'exclude', 'kernel', 'programs', 'config'] as const).find(
    (key) => value[key] !== undefined,
  );
  if (mirror && odd !== undefined) {
    throw new OsmithError('E_COMPOSE', `A mirror has no ${odd}: it holds package files as they are`, {
      where: whereOf(value, odd),
      hint: 'Leave it out, or leave out mirror: true',
    });
  }
  const { org = 'linuxkit', image = basename(dir) } = value;
  return {
    ...{ dir, org, image, packages, packagesFor, only, without, exclude, kernel, programs, config, mirror },
    repository: `${org}/${image}`,
    whereOf: (name) => {
      const list = [...lists, only, without].find((each) => each.includes(name));
      return list && whereOf(list, list.indexOf(name));
    },
  };
}

/** A package with what its image is called. */
export interface NamedDebian extends ImageName {
  debian: DebianPackage;
  /** Absolute, without symbolic links. */
  dir: string;
  /** The directory's own name. */
  name: string;
  /** What a mirror records. */
  lock: LockFile | undefined;
}

/** Reads a package and computes its tag. Throws E_COMPOSE and E_PKG. `named`: where somebody names the directory. */
export async function openDebianPackage(
  path: string,
  options: NameOptions = {},
  named?: Where,
): Promise<NamedDebian> {
  const read = readDebianPackage(path, named);
  const debian = { ...read, dir: await packageDir(path) };
  const { dir, org, image } = debian;
  const source = { dir, org, image, tag: '{{.Hash}}' };
  const lock = debian.mirror ? await readLock(join(dir, MIRROR_LOCK)) : undefined;
  return { debian, dir, name: basename(dir), lock, ...(await nameImage(source, options)) };
}

/** Architectures that it has packages for. */
export function archesOf({ packages, packagesFor }: DebianPackage): string[] {
  return packages.length > 0 ? ARCHITECTURES : Object.keys(packagesFor);
}

/** What Debian is asked for on one architecture. Throws E_COMPOSE if there is nothing for it. */
export function packagesOn({ dir, packages, packagesFor }: DebianPackage, arch: string): string[] {
  const all = [...packages, ...(packagesFor[arch] ?? [])];
  if (all.length > 0) return all;
  throw new OsmithError('E_COMPOSE', `${join(dir, DEBIAN_FILE)} names no packages for ${arch}`, {
    where: { file: join(dir, DEBIAN_FILE) },
    hint: `Add packages_${arch}, or choose another with --arch: it has ${Object.keys(packagesFor).join(', ')}`,
  });
}
