/** The build arguments of a package: its own, those that name other packages, and those that every package has. */
import { readFile } from 'node:fs/promises';
import { OsmithError, type Where } from '../errors.ts';
import { matchPackages, placeOf, type AnyPackage, type Family } from './family.ts';
import { goVersion, type Commit } from './git.ts';
import type { Package } from './package.ts';

const COMPUTED = '@lkt:';

/** `ORG/IMAGE` as part of a variable's name. */
function variablePart({ reference }: AnyPackage): string {
  return reference
    .replace(/:[^:/]*$/, '')
    .replaceAll(/[/-]/g, '_')
    .toUpperCase();
}

function bad(message: string, where: Where | undefined, hint: string): OsmithError {
  return new OsmithError('E_PKG', message, { where, hint });
}

interface Line {
  text: string;
  where: Where | undefined;
  /** What paths in it are relative to. */
  dir: string;
}

/** What computed arguments of these lines name: packages that are needed for it. */
async function resolveLine(
  line: Line,
  family: Family,
): Promise<{ name: string; value: string; from?: AnyPackage }[]> {
  const { text, where, dir } = line;
  const equals = text.indexOf('=');
  if (equals <= 0) throw bad(`${JSON.stringify(text)} is no build argument`, where, 'Write NAME=VALUE');
  const name = text.slice(0, equals);
  const value = text.slice(equals + 1);
  if (!value.startsWith(COMPUTED)) return [{ name, value }];
  const [, kind, path = ''] = /^@lkt:(pkgs?):(.+)$/.exec(value) ?? [];
  if (kind === 'pkg') {
    const from = await family.at(`${dir}/${path}`, where);
    return [{ name, value: from.reference, from }];
  }
  if (kind !== 'pkgs') {
    throw bad(`${value} means nothing`, where, 'Write @lkt:pkg:DIRECTORY or @lkt:pkgs:PATTERN');
  }
  if (!name.includes('%'))
    throw bad(`${name} needs a %`, where, 'It becomes the name of each package: NAME_%=@lkt:pkgs:PATTERN');
  const dirs = await matchPackages(dir, path);
  if (dirs.length === 0)
    throw bad(`${path} matches no package`, where, 'Paths are relative to the file that names them');
  const packages = await Promise.all(dirs.map((each) => family.at(each, where)));
  return packages.map((from) => ({
    name: name.replace('%', variablePart(from)),
    value: from.reference,
    from,
  }));
}

async function fileLines(file: string): Promise<Line[]> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new OsmithError('E_USAGE', `Cannot read ${file}: ${(cause as Error).message}`, {
      ...{ cause, hint: '--build-arg-file names a file with NAME=VALUE in each line' },
    });
  });
  return text.split('\n').flatMap((each, index): Line[] => {
    const trimmed = each.trim();
    if (trimmed === '' || trimmed.startsWith('#')) return [];
    return [{ text: trimmed, where: { file, line: index + 1 }, dir: placeOf([], 0, file).dir }];
  });
}

/** Where a repository's address is not given, what is known of it: nothing. */
async function implicit(pkg: Package, commit: Commit | undefined): Promise<[string, string][]> {
  return [
    ['SOURCE', pkg.build.gitrepo],
    ['REVISION', pkg.dirty ? '' : (commit?.hash ?? '')],
    ['GOPKGVERSION', (commit && (await goVersion(pkg.dir, commit.hash))) ?? ''],
    ['PKG_HASH', pkg.hash],
    ['PKG_IMAGE', pkg.reference],
  ];
}

/**
 * What makes a kernel or any other build that asks for it the same again: time and names that do not come from the
 * machine. A package that is not as it was committed has the same names, and the time of its last commit.
 */
function reproducible(commit: Commit | undefined): { epoch: number; values: [string, string][] } {
  const epoch = commit?.time ?? 0;
  const date = new Date(epoch * 1000).toISOString();
  return {
    epoch,
    values: [
      ['SOURCE_DATE_EPOCH', String(epoch)],
      ['KBUILD_BUILD_TIMESTAMP', `${date.slice(0, 10)} ${date.slice(11, 19)} UTC`],
      ['KBUILD_BUILD_USER', 'osmith'],
      ['KBUILD_BUILD_HOST', 'osmith'],
      ['KCONFIG_NOTIMESTAMP', 'true'],
    ],
  };
}

export interface Arguments {
  values: Map<string, string>;
  /** Packages that computed arguments name. */
  from: AnyPackage[];
  epoch: number;
  /** The last that changed the package. */
  commit: Commit | undefined;
}

/** All build arguments. Later ones win: implicit, the package's own, those of files. */
export async function buildArguments(
  pkg: Package,
  family: Family,
  files: readonly string[] = [],
): Promise<Arguments> {
  const list = pkg.build.raw.buildArgs ?? [];
  const own = list.map((text, index): Line => ({ text, ...placeOf(list, index, pkg.build.file) }));
  const further = await Promise.all(files.map(fileLines));
  const lines = [...own, ...further.flat()];
  const resolved = (await Promise.all(lines.map((line) => resolveLine(line, family)))).flat();
  const commit = await pkg.lastCommit();
  const { epoch, values } = reproducible(commit);
  const given = resolved.map(({ name, value }): [string, string] => [name, value]);
  return {
    values: new Map([...(await implicit(pkg, commit)), ...values, ...given]),
    from: [...new Set(resolved.flatMap(({ from }) => from ?? []))].filter((each) => each.dir !== pkg.dir),
    epoch,
    commit,
  };
}
