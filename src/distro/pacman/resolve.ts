/** Which package files make the system: pacman's own answer. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { StepContext } from '../../steps/types.ts';
import type { PackageFile, PackageList, Resolution, ResolveRequest } from '../types.ts';
import { CONFIG, pacmanArch, server, stepConfig, systemConfig } from './config.ts';
import { field, parseDescription } from './desc.ts';
import { withTail } from '../tool-error.ts';
import { pacmanError } from './errors.ts';
import { makeKeyring } from './keyring.ts';
import { withSignatures } from './signatures.ts';

type Context = StepContext<ResolveRequest>;

const STATE = [
  ...['pacman', '--config', CONFIG, '--root', '/work/root', '--dbpath', '/work/db', '--noconfirm'],
  ...['--cachedir', '/work/cache', '--disable-download-timeout'],
];

/** A package of a repository, as pacman names it. */
interface Chosen {
  repository: string;
  directory: string;
}

/** Lines of `pacman -S --print-format '%r %n-%v'`. */
export function parseChosen(text: string): Chosen[] {
  return text.split('\n').flatMap((line) => {
    const match = /^(\S+) (\S+)$/.exec(line);
    return match === null ? [] : [{ repository: match[1]!, directory: match[2]! }];
  });
}

/** Descriptions of the chosen packages, out of the repositories' indexes. */
async function descriptions(context: Context, chosen: Chosen[]): Promise<string[]> {
  const byRepository = Map.groupBy(chosen, ({ repository }) => repository);
  for (const [repository, packages] of byRepository) {
    await mkdir(join(context.work, 'desc', repository), { recursive: true });
    const names = packages.map(({ directory }) => `${directory}/desc\n`).join('');
    const index = `/work/db/sync/${repository}.db`;
    const argv = ['tar', '-x', '-C', `/work/desc/${repository}`, '-f', index, '-T', '-'];
    await context.exec({ argv, stdin: names });
  }
  const texts = chosen.map(({ repository, directory }) =>
    readFile(join(context.work, 'desc', repository, directory, 'desc'), 'utf8'),
  );
  return Promise.all(texts);
}

function packageFile(text: string, repository: string, request: ResolveRequest): PackageFile {
  const description = parseDescription(text);
  const value = (name: string) => field(description, name);
  const base = server(request).replace('$repo', repository).replace('$arch', pacmanArch(request.arch));
  const signature = value('PGPSIG');
  return {
    ...{ name: value('NAME'), version: value('VERSION'), arch: value('ARCH') },
    ...{ file: value('FILENAME'), url: `${base}/${encodeURIComponent(value('FILENAME'))}` },
    ...{ size: Number(value('CSIZE')), sha256: value('SHA256SUM'), date: Number(value('BUILDDATE')) },
    ...(signature === '' ? {} : { signature }),
  };
}

async function packageListOf(context: Context, chosen: Chosen[]): Promise<PackageList> {
  const texts = await descriptions(context, chosen);
  const files = texts.map((text, i) => packageFile(text, chosen[i]!.repository, context.params));
  context.progress('signatures');
  const packages = await withSignatures(files, context.signal);
  return { packages, index: texts.map((text) => `${text.trim()}\n\n`).join('') };
}

/** Runs pacman; what it prints, where it also tells what is wrong. */
async function pacman(context: Context, argv: string[]): Promise<string> {
  const said = join(context.work, 'said');
  try {
    await context.exec({ argv: [...STATE, ...argv], stdout: { file: 'said' } });
  } catch (error) {
    const tail = (await readFile(said, 'utf8')).trim().split('\n').slice(-20);
    throw pacmanError(withTail(error, tail), context.params);
  }
  return readFile(said, 'utf8');
}

export async function resolve(context: Context): Promise<Resolution> {
  const { arch, base, extra, components } = context.params;
  const repositories = components.map((name) => ({ name, server: server(context.params) }));
  await writeFile(join(context.work, 'pacman.conf'), stepConfig(arch, repositories));
  for (const dir of ['root', 'db', 'cache', 'hooks']) await mkdir(join(context.work, dir));
  await makeKeyring(context);
  context.progress('package index');
  await pacman(context, ['-Sy']);
  context.progress('dependencies');
  const solve = async (packages: string[]): Promise<Chosen[]> =>
    packages.length === 0
      ? []
      : parseChosen(await pacman(context, ['-S', '--print-format', '%r %n-%v', ...packages]));
  const baseFiles = await solve(base);
  const known = new Set(baseFiles.map(({ directory }) => directory));
  const allFiles = extra.length === 0 ? [] : await solve([...base, ...extra]);
  return {
    base: await packageListOf(context, baseFiles),
    extra: await packageListOf(
      context,
      allFiles.filter(({ directory }) => !known.has(directory)),
    ),
    sources: systemConfig(components),
  };
}
