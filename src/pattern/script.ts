/** Runs one script: a child in a process group of its own, its output read as it comes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { StringDecoder } from 'node:string_decoder';
import { inheritedEnv } from '../env.ts';
import { accountIds } from './accounts.ts';
import { scriptArgv } from './exec.ts';
import type { Exec } from './types.ts';

/** More than this on standard output cannot be meant to be kept. */
const MAX_OUTPUT = 32 * 2 ** 20;
const TAIL_LINES = 20;
/** How long a script may take to stop when asked to, in milliseconds. */
const GRACE = 5000;
/** How long what a script left in the background may hold its output open, in milliseconds. */
const LINGER = 500;
const BASE_ENV = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  // A bash that finds a socket on its standard input, as pipes of Node are, takes itself for one that was started
  // from afar and reads ~/.bashrc; not so when another shell is above it.
  SHLVL: '1',
};

export interface ScriptOptions {
  exec: Exec;
  /** All that the script gets, `exec.env` included. */
  env: Record<string, string>;
  stdin?: string | undefined;
  signal?: AbortSignal | undefined;
  output: (stream: 'stdout' | 'stderr', text: string) => void;
}

export interface ScriptResult {
  /** 128 + n when signal n ended it; 126 when it could not be started. */
  exit: number;
  /** Without trailing newlines. */
  stdout: string;
  /** Last lines of both streams. */
  tail: string[];
}

export async function runScript(script: string, options: ScriptOptions): Promise<ScriptResult> {
  const { exec, signal } = options;
  try {
    signal?.throwIfAborted();
    const [program = '', ...args] = scriptArgv(exec, script, Object.keys(options.env));
    const child = spawn(program, args, {
      cwd: exec.workDir,
      env: { ...BASE_ENV, ...(exec.envInherit === true ? inheritedEnv() : {}), ...options.env },
      ...accountIds(exec.user, exec.group),
      detached: true,
      stdio: [options.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    return await watch(child, options);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    options.output('stderr', `${message}\n`);
    return { exit: 126, stdout: '', tail: [message] };
  }
}

/** The whole group: a script's own children must not outlive it. */
function kill(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    process.kill(-child.pid!, signal);
  } catch {
    // It has ended already.
  }
}

async function watch(child: ChildProcess, { stdin, signal, output }: ScriptOptions): Promise<ScriptResult> {
  const text = { stdout: '', all: '' };
  const note = (stream: 'stdout' | 'stderr', part: string): void => {
    if (part === '') return;
    if (stream === 'stdout') text.stdout += part;
    text.all = (text.all + part).slice(-65_536);
    if (text.stdout.length > MAX_OUTPUT) kill(child, 'SIGKILL');
    output(stream, part);
  };
  for (const stream of ['stdout', 'stderr'] as const) {
    const decoder = new StringDecoder('utf8');
    child[stream]!.on('data', (chunk: Buffer) => note(stream, decoder.write(chunk)));
    child[stream]!.on('end', () => note(stream, decoder.end()));
    child[stream]!.on('error', () => {}); // closed by us
  }
  child.stdin?.on('error', () => {}); // a script need not read it
  child.stdin?.end(stdin);

  let killTimer: NodeJS.Timeout | undefined;
  const stop = (): void => {
    kill(child, 'SIGTERM');
    killTimer = setTimeout(() => kill(child, 'SIGKILL'), GRACE);
  };
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const exit = await new Promise<number>((resolve, reject) => {
      child.on('error', reject);
      child.on('exit', (code, ended) =>
        resolve(code ?? 128 + (ended === null ? 0 : constants.signals[ended])),
      );
    });
    await closed(child);
    if (text.stdout.length > MAX_OUTPUT) throw new Error(`It printed more than ${MAX_OUTPUT / 2 ** 20} MiB`);
    const tail = text.all.replace(/\n+$/, '').split('\n').slice(-TAIL_LINES);
    return { exit, stdout: text.stdout.replace(/\n+$/, ''), tail: tail[0] === '' ? tail.slice(1) : tail };
  } finally {
    clearTimeout(killTimer);
    signal?.removeEventListener('abort', stop);
  }
}

/** Waits for the end of the output, but not for a daemon that a script has started and that keeps it open. */
async function closed(child: ChildProcess): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const streams = [child.stdout!, child.stderr!];
  const ended = streams
    .filter((stream) => !stream.destroyed)
    .map((stream) => new Promise((done) => stream.on('close', done)));
  await Promise.race([
    Promise.all(ended),
    new Promise((done) => {
      timer = setTimeout(done, LINGER);
    }),
  ]);
  clearTimeout(timer);
  for (const stream of streams) stream.destroy();
}
