/** What is asked of git about packages and versions. Nothing here changes a repository. */
import { createHash } from 'node:crypto';
import { lstat, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inheritedEnv } from '../env.ts';
import { OsmithError } from '../errors.ts';

export interface Answer {
  exitCode: number;
  stdout: string;
}

/** Exit code and standard output, as it is. Only a git that cannot be started is an error. */
export async function ask(dir: string, args: readonly string[]): Promise<Answer> {
  const { execa } = await import('execa'); // most commands that can ask git do not
  const done = await execa('git', ['-C', dir, ...args], {
    reject: false,
    stripFinalNewline: false,
    stdin: 'ignore',
    extendEnv: false,
    // Another language or a hook of the user's must not change what is read.
    env: { ...inheritedEnv(), LC_ALL: 'C', GIT_OPTIONAL_LOCKS: '0' },
    maxBuffer: 1 << 28,
  });
  if (done.exitCode !== undefined) return { exitCode: done.exitCode, stdout: done.stdout };
  throw new OsmithError('E_HOST', `Cannot run git: ${done.shortMessage}`, {
    cause: done,
    hint: 'Install git: tags of packages are computed by it',
  });
}

/** The line that git answers; undefined when it refuses. */
async function line(dir: string, args: readonly string[]): Promise<string | undefined> {
  const { exitCode, stdout } = await ask(dir, args);
  return exitCode === 0 ? stdout.trim() : undefined;
}

export async function isWorkTree(dir: string): Promise<boolean> {
  return (await line(dir, ['rev-parse', '--is-inside-work-tree'])) === 'true';
}

export function topLevel(dir: string): Promise<string | undefined> {
  return line(dir, ['rev-parse', '--show-toplevel']);
}

export function commitHash(dir: string, commit: string): Promise<string | undefined> {
  return line(dir, ['rev-parse', '--verify', '--quiet', `${commit}^{commit}`]);
}

/** Id of the tree that a directory is in a commit; undefined if it is not in there. `dir` is absolute. */
export async function treeHash(dir: string, commit: string): Promise<string | undefined> {
  const prefix = await line(dir, ['rev-parse', '--show-prefix']);
  return line(dir, ['rev-parse', '--verify', '--quiet', `${commit}^{tree}:${prefix ?? ''}`]);
}

/** Whether something below a directory is not as it was committed, or is there without having been. */
export async function isDirty(dir: string): Promise<boolean> {
  const diff = await ask(dir, ['diff', '--no-ext-diff', '--exit-code', '--quiet', 'HEAD', '--', dir]);
  if (diff.exitCode !== 0) return true;
  const others = await ask(dir, ['ls-files', '--exclude-standard', '--others', '--', dir]);
  return others.stdout !== '';
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
