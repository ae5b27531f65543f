/** git: argument lists and one runner. The user's own configuration of git says how remote repositories are reached. */
import { execa, ExecaError } from 'execa';
import { OsmithError } from '../../errors.ts';

export interface GitOptions {
  /** Directory of the repository. */
  repository: string;
  input?: string | Buffer;
  /** Reads its standard input from this file. */
  inputFile?: string;
  env?: Record<string, string>;
  signal?: AbortSignal | undefined;
}

/** Nothing is ever asked: a build has nobody to answer. */
const QUIET = { GIT_TERMINAL_PROMPT: '0', GIT_LFS_SKIP_SMUDGE: '1', LC_ALL: 'C' };

/** Runs git; its standard output, byte for byte. Throws E_TARGET with what git said. */
export async function gitBytes(args: readonly string[], options: GitOptions): Promise<Buffer> {
  const { repository, input, inputFile, env, signal } = options;
  try {
    const { stdout } = await execa('git', ['-C', repository, ...args], {
      encoding: 'buffer',
      stripFinalNewline: false,
      maxBuffer: 256 << 20,
      env: { ...QUIET, ...env },
      ...(input === undefined ? {} : { input }),
      ...(inputFile === undefined ? {} : { inputFile }),
      ...(input === undefined && inputFile === undefined ? { stdin: 'ignore' as const } : {}),
      ...(signal === undefined ? {} : { cancelSignal: signal }),
    });
    return Buffer.from(stdout);
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof ExecaError)) throw error;
    throw gitError(args, repository, error as ExecaError);
  }
}

function gitError(args: readonly string[], repository: string, error: ExecaError): OsmithError {
  if (error.code === 'ENOENT')
    return new OsmithError('E_HOST', 'git is missing', { cause: error, hint: 'Install git' });
  const said = Buffer.from((error.stderr ?? '') as Uint8Array).toString();
  const tail = said.trimEnd().split('\n').slice(-10);
  return new OsmithError('E_TARGET', `git ${args[0]} failed in ${repository}`, { cause: error, tail });
}

/** As `gitBytes`, as text without the last newline. */
export async function git(args: readonly string[], options: GitOptions): Promise<string> {
  return (await gitBytes(args, options)).toString().replace(/\n$/, '');
}

/** Whether git says yes; its exit code 1 is a no. */
export async function gitSays(args: readonly string[], options: GitOptions): Promise<boolean> {
  try {
    await gitBytes(args, options);
    return true;
  } catch (error) {
    const { cause } = error as OsmithError;
    if (cause instanceof ExecaError && cause.exitCode === 1) return false;
    throw error;
  }
}

export interface TreeFile {
  path: string;
  mode: string;
  id: string;
  size: number;
}

/** All files of a commit below a directory, with paths from there. */
export async function filesOf(commit: string, directory: string, options: GitOptions): Promise<TreeFile[]> {
  const tree = directory === '.' ? commit : `${commit}:${directory}`;
  const listing = await git(['ls-tree', '-r', '-l', '-z', '--full-tree', tree], options);
  return listing
    .split('\0')
    .filter((line) => line !== '')
    .map((line) => {
      const [, mode, id, size, path] = /^(\d+) \w+ ([0-9a-f]+) +(\d+|-)\t([^]*)$/.exec(line) as unknown as [
        ...[string, string, string, string, string],
      ];
      return { path, mode, id, size: Number(size) || 0 };
    });
}

export async function readBlob(id: string, options: GitOptions): Promise<Buffer> {
  return gitBytes(['cat-file', 'blob', id], options);
}
