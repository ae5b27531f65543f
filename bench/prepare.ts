/** Everything that must be there before the clock runs: a store with tools and downloads, a workspace, a repository. */
import {
  copyFileSync,
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { loadConfig, type Config } from '../src/config/index.ts';
import { packageList } from '../src/distro/types.ts';
import { defaultStoreDir } from '../src/env.ts';
import { makePlan } from '../src/plan/index.ts';
import type { Plan } from '../src/plan/types.ts';
import { runPlan } from '../src/run/scheduler.ts';
import { blobPath, openStore, resultBlobs, type Result, type Store } from '../src/run/store.ts';

export interface Bench {
  dir: string;
  config: Config;
  plan: Plan;
  store: Store;
  /** Belongs to this run: hooks may be changed. */
  workspace: string;
  /** A flat repository of the package files. */
  repo: string;
  /** Results that a first build finds: the tools tree, the package lists, the packages. */
  given: Map<string, Result>;
}

/** Files of the user's store, so that nothing is downloaded that is there: hard links, or copies. */
export function seed(from: string, to: string): void {
  for (const sub of ['blobs/sha256', 'results']) {
    if (!existsSync(join(from, sub))) continue;
    mkdirSync(join(to, sub), { recursive: true });
    for (const entry of readdirSync(join(from, sub), { recursive: true, withFileTypes: true })) {
      const source = join(entry.parentPath, entry.name);
      const target = join(to, source.slice(from.length));
      if (entry.isDirectory()) mkdirSync(target, { recursive: true });
      else if (sub === 'results') copyFileSync(source, target);
      else linkOrCopy(source, target);
    }
  }
}

function linkOrCopy(source: string, target: string): void {
  try {
    linkSync(source, target);
  } catch {
    copyFileSync(source, target);
  }
}

/** Steps whose results are downloads, or the tools. */
function isGiven(step: Plan['steps'][number]): boolean {
  return step.stage === 'init' || step.kind === 'resolve' || step.kind === 'fetch';
}

function writeRepository(bench: Pick<Bench, 'store' | 'repo'>, results: ReadonlyMap<string, Result>): void {
  const { store, repo } = bench;
  mkdirSync(join(repo, 'packages'), { recursive: true });
  const { files } = results.get('bootstrap/resolve')!;
  const lists = [files['base']!, files['extra']!].map(({ digest }) =>
    packageList.parse(JSON.parse(readFileSync(blobPath(store, digest), 'utf8'))),
  );
  writeFileSync(join(repo, 'Packages'), lists.map(({ index }) => index).join('\n'));
  for (const { file, sha256 } of lists.flatMap(({ packages }) => packages)) {
    linkOrCopy(blobPath(store, sha256!), join(repo, 'packages', file));
  }
}

export async function prepare(
  dir: string,
  branch: string | undefined,
  note: (text: string) => void,
): Promise<Bench> {
  const workspace = join(import.meta.dirname, '../workspace');
  const config = loadConfig({ workspace, attributes: branch === undefined ? {} : { branch }, set: [] });
  const plan = makePlan(config);
  const store = await openStore(join(dir, 'store'));
  note('Collecting the tools tree and the packages ...');
  seed(defaultStoreDir(), store.dir);
  const given = { ...plan, steps: plan.steps.filter(isGiven), artifacts: [] };
  const signal = new AbortController().signal;
  const results = await runPlan(given, { store, workspace, emit: () => {}, signal });
  const repo = join(dir, 'repo');
  writeRepository({ store, repo }, results);
  return { dir, config, plan, store, workspace, repo, given: results };
}

/** Freezes the program, so that nobody's edit changes keys of steps in the middle: the copy's directory. */
export function copyProgram(dir: string): string {
  const from = join(import.meta.dirname, '..');
  const to = join(dir, 'program');
  for (const name of ['bench', 'osmith', 'package.json', 'src', 'workspace']) {
    cpSync(join(from, name), join(to, name), { recursive: true });
  }
  symlinkSync(realpathSync(join(from, 'node_modules')), join(to, 'node_modules'));
  return to;
}

/** Leaves in the store what a first build finds, and nothing else. */
export function resetStore({ store, given, dir }: Bench): void {
  const kept = [...given.values()];
  const results = new Set(kept.map(({ key }) => `${key}.json`));
  const blobs = new Set(kept.flatMap(resultBlobs).map(({ digest }) => digest));
  const trees = new Set([...blobs].map((digest) => digest.slice(0, 24)));
  const sweep = (path: string, keep: (name: string) => boolean) => {
    for (const name of readdirSync(path))
      if (!keep(name)) rmSync(join(path, name), { recursive: true, force: true });
  };
  sweep(join(store.dir, 'results'), (name) => results.has(name));
  for (const shard of readdirSync(join(store.dir, 'blobs/sha256'))) {
    sweep(join(store.dir, 'blobs/sha256', shard), (name) => blobs.has(name));
  }
  sweep(join(store.dir, 'trees'), (name) => trees.has(name.replace('.fingerprint', '')));
  sweep(join(store.dir, 'last'), () => false);
  rmSync(join(dir, 'out'), { recursive: true, force: true });
}
