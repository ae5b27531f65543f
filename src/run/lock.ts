/**
 * Locks between processes: flock(2) through flock(1), which Node lacks. The kernel releases them when the holder dies,
 * however it dies, also between containers that share a store.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { OsmithError } from '../errors.ts';

export interface Lock {
  release(): Promise<void>;
}

export interface LockOptions {
  wait: boolean;
  /** Several may hold a shared lock at once, but nobody an exclusive one meanwhile. */
  shared?: boolean;
  /** Called once when it has to wait. */
  onWait?: () => void;
  signal?: AbortSignal;
}

/** flock's exit code when somebody else holds the lock. */
const HELD = 1;

/** Locks a file, which is created, or a directory. With `wait` false: undefined when somebody else holds it. */
export async function lockFile(file: string, options: LockOptions): Promise<Lock | undefined> {
  const mode = options.shared === true ? '--shared' : '--exclusive';
  const first = await tryLock(file, [mode, '--nonblock'], options.signal);
  if (first !== undefined || !options.wait) return first;
  options.onWait?.();
  const waited = await tryLock(file, [mode], options.signal);
  // Without --nonblock the same exit code says that flock or setpriv failed.
  if (waited === undefined) throw cannotLock(file, `flock ended with exit code ${HELD}`);
  return waited;
}

async function tryLock(file: string, flags: string[], signal?: AbortSignal): Promise<Lock | undefined> {
  signal?.throwIfAborted();
  // The holder lives as long as its standard input, a pipe from us, is open: it dies with us. While it waits it reads
  // nothing, and dies by its parent's death signal.
  const flock = ['flock', ...flags, file, 'sh', '-c', 'echo; exec cat'];
  const holder = spawn('setpriv', ['--pdeathsig', 'KILL', ...flock], {
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
  holder.stdin.on('error', () => {});
  const said = text(holder.stderr).catch(() => '');
  const stop = () => holder.kill('SIGKILL');
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const locked = await Promise.race([
      once(holder.stdout, 'data').then(() => true),
      once(holder, 'exit').then(() => false),
    ]);
    if (!locked) {
      signal?.throwIfAborted();
      if (holder.exitCode === HELD) return undefined;
      throw cannotLock(file, await said);
    }
  } catch (cause) {
    if (signal?.aborted || cause instanceof OsmithError) throw cause;
    throw cannotLock(file, (cause as Error).message, 'Install util-linux (flock, setpriv)');
  } finally {
    signal?.removeEventListener('abort', stop);
  }
  return {
    release: async () => {
      if (holder.exitCode !== null || holder.signalCode !== null) return;
      const gone = once(holder, 'exit');
      holder.stdin.end();
      await gone;
    },
  };
}

function cannotLock(file: string, why: string, hint?: string): OsmithError {
  const text = why.trim();
  if (text.includes('No space left on device')) {
    return new OsmithError('E_NO_SPACE', `No space left for ${file}`, {
      hint: 'Free some space, or set OSMITH_STORE to a larger file system',
    });
  }
  return new OsmithError('E_STORE', `Cannot lock ${file}: ${text}`, { hint });
}
