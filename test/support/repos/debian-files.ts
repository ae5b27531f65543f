/** Files of Debian systems that builds make anyway, with the package that each came from. */
import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig, type Config } from '../../../src/config/index.ts';
import { defaultStoreDir } from '../../../src/env.ts';
import { stepsFor } from '../../../src/plan/assemble.ts';
import { makePlan } from '../../../src/plan/index.ts';
import { packageManagerTools, toolsSteps } from '../../../src/plan/tools.ts';
import type { Step } from '../../../src/plan/types.ts';
import { flatten } from '../../../src/run/layer/flatten.ts';
import { indexTar } from '../../../src/run/layer/index.ts';
import type { Part } from '../../../src/run/layer/stream.ts';
import { runPlan } from '../../../src/run/scheduler.ts';
import { blobPath, openStore, treeOf } from '../../../src/run/store.ts';
import { REPO } from '../osmith.ts';
import type { PackageEntry } from './packages.ts';

export interface DebianFile extends PackageEntry {
  /** Package; empty: what a script made. */
  from: string;
}

export interface DebianFiles {
  files: DebianFile[];
  /** Of each package, what it depends on. */
  depends: Map<string, string[]>;
}

/** What a part of a tree holds. */
export function contentOf({ entry, file, offset = 0 }: Part): Buffer {
  const data = Buffer.alloc(entry.size);
  if (file === undefined || entry.size === 0) return data;
  const fd = openSync(file, 'r');
  readSync(fd, data, 0, entry.size, offset);
  closeSync(fd);
  return data;
}

/** `/lib` and the like are links. */
function real(path: string): string {
  return path.replace(/^\//, '').replace(/^(bin|lib|lib64|sbin)\//, 'usr/$1/');
}

/** Which package has a path. */
function owners(parts: Part[]): Map<string, string> {
  const owner = new Map<string, string>();
  for (const part of parts) {
    const name = /^var\/lib\/dpkg\/info\/([^/:]+)(?::\w+)?\.list$/.exec(part.entry.path)?.[1];
    if (name === undefined) continue;
    for (const path of contentOf(part).toString().split('\n')) owner.set(real(path), name);
  }
  return owner;
}

/** Names of the accounts in `etc/passwd` or `etc/group`, by number. */
function accounts(parts: Part[], path: string): Map<number, string> {
  const lines = contentOf(parts.find(({ entry }) => entry.path === path)!)
    .toString()
    .split('\n');
  return new Map(lines.map((line) => [Number(line.split(':')[2]), line.split(':')[0]!]));
}

function dependencies(parts: Part[]): Map<string, string[]> {
  const status = contentOf(parts.find(({ entry }) => entry.path === 'var/lib/dpkg/status')!).toString();
  const names = (text: string, field: string) =>
    (new RegExp(`^${field}: (.*)$`, 'm').exec(text)?.[1] ?? '')
      .split(/[,|]/)
      .map((word) => word.trim().split(/[ :]/)[0]!)
      .filter((word) => word !== '');
  return new Map(
    status
      .split('\n\n')
      .map((text) => [
        /^Package: (.*)$/m.exec(text)?.[1] ?? '',
        [...names(text, 'Pre-Depends'), ...names(text, 'Depends')],
      ]),
  );
}

async function filesOf(steps: Step[], step: string): Promise<DebianFiles> {
  const store = await openStore(defaultStoreDir());
  const { signal } = new AbortController();
  const workspace = join(REPO, 'workspace');
  const plan = { name: 'debian-files', steps: stepsFor(steps, [step]), artifacts: [] };
  const results = await runPlan(plan, { store, workspace, emit: () => {}, signal });
  const result = results.get(step)!;
  const layers = treeOf(result, 'tree')!.layers.map((digest) => {
    const file = blobPath(store, digest);
    return { file, entries: indexTar(file) };
  });
  const parts = [...flatten(layers, result.epoch)];
  const owner = owners(parts);
  const [users, groups] = [accounts(parts, 'etc/passwd'), accounts(parts, 'etc/group')];
  const files = parts.map((part): DebianFile => {
    const { entry } = part;
    const names: [string, string] = [users.get(entry.uid) ?? 'root', groups.get(entry.gid) ?? 'root'];
    return { ...entry, content: contentOf(part), names, from: owner.get(real(entry.path)) ?? '' };
  });
  return { files, depends: dependencies(parts) };
}

function configOf(attributes: Record<string, string>, set: string[] = []): Config {
  const all = { arch: 'amd64', ...attributes };
  return loadConfig({ workspace: join(REPO, 'workspace'), attributes: all, set });
}

/** The packages of the appliance, as its own build installs them. */
export function applianceFiles(): Promise<DebianFiles> {
  return filesOf(makePlan(configOf({ branch: 'deb', product: 'appliance' })).steps, 'refine/packages');
}

/** The packages of a container, and these. */
export function containerFiles(packages: string[]): Promise<DebianFiles> {
  const set = [`refine.packages_add=${packages.join(' ')}`];
  const { steps } = makePlan(configOf({ branch: 'deb', product: 'container' }, set));
  return filesOf(steps, 'refine/packages');
}

/** The tree in which another distribution's package manager runs. */
export function managerFiles(branch: string): Promise<DebianFiles> {
  const config = configOf({ branch });
  const usual = toolsSteps(config, 'amd64');
  const manager = packageManagerTools(config, usual.tools, 'amd64');
  return filesOf([...usual.steps, ...manager.steps], manager.tools.tools!);
}
