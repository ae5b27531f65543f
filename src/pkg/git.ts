/** What is asked of git about packages and versions. Nothing here changes a repository. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { lstat, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { inheritedEnv } from '../env.ts';
import { OsmithError } from '../errors.ts';

export interface Answer {
  exitCode: number;
  stdout: string;
}

const answers = new AsyncLocalStorage<Map<string, Promise<Answer>>>();

/** Within `work` git is asked every question once: starting it hundreds of times takes longer than what it does. */
export function askOnce<T>(work: () => Promise<T>): Promise<T> {
  return answers.getStore() === undefined ? answers.run(new Map(), work) : work();
}

/** Exit code and standard output, as it is. Only a git that cannot be started is an error. */
export function ask(dir: string, args: readonly string[]): Promise<Answer> {
  const known = answers.getStore();
  const key = [dir, ...args].join('\0');
  let answer = known?.get(key);
  if (answer === undefined) known?.set(key, (answer = run(dir, args)));
  return answer ?? run(dir, args);
}

function run(dir: string, args: readonly string[]): Promise<Answer> {
  // Another language or a hook of the user's must not change what is read.
  const env = { ...inheritedEnv(), LC_ALL: 'C', GIT_OPTIONAL_LOCKS: '0' };
  return new Promise((resolve, reject) => {
    const child = execFile('git', ['-C', dir, ...args], { env, maxBuffer: 1 << 28 }, (error, stdout) => {
      const exitCode = error === null ? 0 : error.code;
      if (typeof exitCode === 'number') return resolve({ exitCode, stdout });
      reject(
        new OsmithError('E_HOST', `Cannot run git: ${error!.message}`, {
          cause: error,
          hint: 'Install git: tags of packages are computed by it',
        }),
      );
    });
    child.stdin?.end();
  });
}

/** The line that git answers; undefined when it refuses. */
async function line(dir: string, args: readonly string[]): Promise<string | undefined> {
  const { exitCode, stdout } = await ask(dir, args);
  return exitCode === 0 ? stdout.trim() : undefined;
}

export async function isWorkTree(dir: string): Promise<boolean> {
  return (await line(placeOf(dir).dir, ['rev-parse', '--is-inside-work-tree'])) === 'true';
}

export function commitHash(dir: string, commit: string): Promise<string | undefined> {
  return line(placeOf(dir).dir, ['rev-parse', '--verify', '--quiet', `${commit}^{commit}`]);
}

/** Where git is asked about a directory: in the one above it, so that one answer serves all packages that are there. */
function placeOf(dir: string): { dir: string; name: string } {
  if (existsSync(join(dir, '.git')) || dirname(dir) === dir) return { dir, name: '' };
  return { dir: dirname(dir), name: basename(dir) };
}

/** Id of the tree that a directory is in a commit; undefined if it is not in there. `dir` is absolute. */
export async function treeHash(dir: string, commit: string): Promise<string | undefined> {
  const place = placeOf(dir);
  if (place.name === '') return line(dir, ['rev-parse', '--verify', '--quiet', `${commit}^{tree}`]);
  const { stdout } = await ask(place.dir, ['ls-tree', '-z', '-d', commit]);
  const trees = stdout.split('\0').map((entry) => entry.split('\t'));
  return trees.find(([, name]) => name === place.name)?.[0]!.split(' ')[2];
}

/** Whether something below a directory is not as it was committed, or is there without having been. */
export async function isDirty(dir: string): Promise<boolean> {
  const place = placeOf(dir);
  const names = async (...args: string[]) => (await ask(place.dir, [...args])).stdout.split('\0');
  const below = (name: string) => name !== '' && (place.name === '' || name.startsWith(`${place.name}/`));
  const changed = ['diff', '--no-ext-diff', '--no-renames', '--relative', '--name-only', '-z', 'HEAD', '--'];
  const others = ['ls-files', '--exclude-standard', '--others', '-z'];
  return (await Promise.all([names(...changed), names(...others)])).flat().some(below);
}

/** Files below a directory that are tracked, then those that are there without: in git's order and spelling. */
async function contentFiles(dir: string): Promise<string[]> {
  const tracked = await ask(dir, ['ls-files']);
  const others = await ask(dir, ['ls-files', '--exclude-standard', '--others']);
  return `${tracked.stdout}\n${others.stdout}`.split('\n').filter(Boolean);
}

/** SHA-256 over the contents of all files below a directory. What cannot be read, and links, do not count. */
export async function contentHash(dir: string): Promise<string> {
  const hash = createHash('sha256');
  for (const name of await contentFiles(dir)) {
    const path = join(dir, name);
    const info = await lstat(path).catch(() => undefined);
    if (!info?.isFile()) continue;
    const data = await readFile(path).catch(() => undefined);
    if (data !== undefined) hash.update(data);
  }
  return hash.digest('hex');
}

export interface Commit {
  hash: string;
  /** Seconds since the Unix epoch. */
  time: number;
}

/** The last commit that changed something in these directories. */
export async function lastCommit(dirs: readonly string[], commit: string): Promise<Commit | undefined> {
  const text = await line(dirs[0]!, ['log', '-1', '--format=%H %ct', commit, '--', ...dirs]);
  const [hash, time] = (text ?? '').split(' ');
  return hash && time ? { hash, time: Number(time) } : undefined;
}

/** A commit's version in the form that Go wants. */
export async function goVersion(dir: string, commit: string): Promise<string | undefined> {
  const match = ['--match=v[0-9].[0-9].[0-9]*', '--abbrev=0', '--tags'];
  const tag = await line(dir, ['describe', ...match, commit]);
  const range = tag === undefined ? commit : `${tag}..${commit}`;
  if ((await line(dir, ['rev-list', '--count', range])) === '0') return tag;
  const format = ['--abbrev=12', '--date=format-local:%Y%m%d%H%M%S', '--format=%cd-%h'];
  const name = await line(dir, ['show', '--quiet', ...format, commit]);
  return name === undefined ? undefined : `${tag ?? 'v0.0.0'}-${name}`;
}
