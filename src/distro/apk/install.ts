/** Makes systems and adds packages to them as apk does, from the package files that were resolved: without network. */
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isForeign } from '../../run/emulation.ts';
import type { StepContext, Tree } from '../../steps/types.ts';
import { beginTree, clean, finishTree } from '../clean.ts';
import type { BootstrapParams, InstallParams, PackageList, Source, Unpacking } from '../types.ts';
import { resolveOwners } from './accounts.ts';
import type { InstalledRecord } from './database.ts';
import { apkError } from './errors.ts';
import { pathFilter } from './glob.ts';
import { Owners } from './ownership.ts';
import { readPackage, type PackageFile } from './package-file.ts';
import { parseIndex } from './package-index.ts';
import { apkArch } from './repositories.ts';
import { keysOf } from './resolve.ts';
import { readState, writeState, type Script, type State } from './state.ts';
import { matchingDirectories } from './triggers.ts';
import type { ApkData } from './types.ts';
import { unpack, type Unpacked } from './unpack.ts';

type Context = StepContext<Source & Unpacking>;

/** Of those that run while a package is installed that is new. */
const RUN = ['pre-install', 'post-install'];

/** What install.sh does one after the other. */
class Steps {
  readonly #context: Context;
  #count = 0;

  constructor(context: Context) {
    this.#context = context;
  }

  /** Writes the files of the next step; the directory they are in. */
  async add(files: Record<string, string | Buffer>): Promise<string> {
    const dir = join(this.#context.work, 'packages', String(this.#count).padStart(6, '0'));
    this.#count += 1;
    await mkdir(dir, { recursive: true });
    for (const [name, content] of Object.entries(files)) await writeFile(join(dir, name), content);
    return dir;
  }
}

function packageSteps(
  { record, archive, guarded }: Unpacked,
  { scripts }: PackageFile,
  withScripts: boolean,
): Record<string, string | Buffer> {
  const run = [...scripts].filter(([kind]) => withScripts && RUN.includes(kind));
  return {
    name: `${record.name}-${record.version}`,
    version: record.version,
    'data.tar': archive,
    guarded: guarded.map(({ sha1, before, path }) => `${sha1}\t${before || '-'}\t${path}\n`).join(''),
    ...Object.fromEntries(run),
  };
}

function scriptsOf({ name, version, checksum }: InstalledRecord, file: PackageFile, date: number): Script[] {
  return [...file.scripts].map(([kind, content]) => {
    return { name: `${name}-${version}.${checksum}.${kind}`, content, date };
  });
}

/** Triggers follow when all packages are there: those of packages that were there before come first. */
async function addTriggers(steps: Steps, state: State, fresh: readonly InstalledRecord[]): Promise<void> {
  const paths = (records: readonly InstalledRecord[]) =>
    new Set(records.flatMap(({ dirs }) => dirs.map(({ path }) => path)));
  const [all, changed] = [paths(state.records), paths(fresh)];
  for (const record of state.records) {
    const watcher = state.watchers.find(({ checksum }) => checksum === record.checksum);
    const name = `${record.name}-${record.version}`;
    const script = state.scripts.find((each) => each.name === `${name}.${record.checksum}.trigger`);
    if (watcher === undefined || script === undefined) continue;
    const directories = matchingDirectories(watcher, fresh.includes(record), all, changed);
    if (directories.length === 0) continue;
    const args = directories.map((path) => `${path}\n`).join('');
    await steps.add({ name, trigger: script.content, arguments: args });
  }
}

async function installInto(
  context: Context,
  list: PackageList,
  tree: Tree,
  world: string[],
  more: Record<string, string>,
): Promise<void> {
  const { arch, scripts, noExtract } = context.params;
  const state = await readState(context, tree);
  const owners = new Owners(state.records);
  const steps = new Steps(context);
  const fresh: { record: InstalledRecord; dir: string }[] = [];
  context.progress('reading packages');
  for (const pkg of parseIndex(list.index)) {
    const path = join(context.path('packages'), `${pkg.name}-${pkg.version}.apk`);
    const file = readPackage(await readFile(path), pkg.checksum);
    const unpacked = unpack(file, pkg.text.split('\n'), owners, pathFilter(noExtract));
    const { record } = unpacked;
    fresh.push({ record, dir: await steps.add(packageSteps(unpacked, file, scripts)) });
    state.records.push(record);
    state.scripts.push(...scriptsOf(record, file, pkg.date));
    const patterns = (file.info.get('triggers') ?? []).flatMap((line) => line.split(' '));
    if (patterns.length > 0) state.watchers.push({ checksum: pkg.checksum, patterns });
  }
  if (scripts)
    await addTriggers(
      steps,
      state,
      fresh.map(({ record }) => record),
    );
  await copyFile(join(import.meta.dirname, 'install.sh'), join(context.work, 'install.sh'));
  context.progress('installing');
  try {
    await context.exec({
      argv: ['sh', '/work/install.sh', '/work/packages'],
      trees: { '/tree': { tree, writable: true } },
      system: '/tree',
      ...(scripts && isForeign(arch) ? { arch } : {}),
    });
  } catch (error) {
    throw apkError(error);
  }
  for (const { record, dir } of fresh) await resolveOwners(record, dir);
  await writeState(context, tree, { ...state, world: [...state.world, ...world] }, more);
  await clean(context, tree, ['var/cache/apk/*', 'etc/apk/cache/*']);
}

export async function bootstrap(
  context: StepContext<BootstrapParams>,
  list: PackageList,
  apk: ApkData,
): Promise<Tree> {
  const keys = [...(await keysOf(context, apk))].map(([name, pem]) => [`etc/apk/keys/${name}`, pem]);
  const tree = await beginTree(context);
  await installInto(context, list, tree, context.params.include, {
    ...(Object.fromEntries(keys) as Record<string, string>),
    'etc/apk/arch': `${apkArch(context.params.arch)}\n`,
    'etc/apk/repositories': await readFile(context.path('sources'), 'utf8'),
  });
  return finishTree(context, tree);
}

export async function install(
  context: StepContext<InstallParams>,
  list: PackageList,
  base: Tree,
): Promise<void> {
  await installInto(context, list, base, context.params.packages, {});
}
