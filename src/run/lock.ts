/**
 * Locks between processes: flock(2) through flock(1), which Node lacks. The kernel releases them when the holder dies,
 * however it dies, also between containers that share a store.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { close, closeSync, openSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
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

/** Opens the file, which is created, or the directory: the lock is that of this descriptor. */
function openLock(file: string): number {
  let failure: unknown;
  // NFS locks only what is open for writing, which a directory, or what belongs to others, cannot be.
  for (const flags of ['a', 'r']) {
    try {
      return openSync(file, flags);
    } catch (cause) {
      failure ??= cause;
    }
  }
  throw cannotLock(file, (failure as Error).message);
}

async function tryLock(file: string, flags: string[], signal?: AbortSignal): Promise<Lock | undefined> {
  signal?.throwIfAborted();
  const fd = openLock(file);
  try {
    // flock locks our descriptor, which nobody else inherits, and ends. One that waits ends with us, too.
    const flock = spawn('setpriv', ['--pdeathsig', 'KILL', 'flock', ...flags, '3'], {
      ...{ stdio: ['ignore', 'ignore', 'pipe', fd], detached: true },
    });
    const stop = () => flock.kill('SIGKILL');
    signal?.addEventListener('abort', stop, { once: true });
    const ended = Promise.all([text(flock.stderr!), once(flock, 'exit')]);
    const [said] = await ended.finally(() => signal?.removeEventListener('abort', stop));
    signal?.throwIfAborted();
    if (flock.exitCode === HELD) {
      closeSync(fd);
      return undefined;
    }
    if (flock.exitCode !== 0) throw cannotLock(file, said);
  } catch (cause) {
    closeSync(fd);
    if (signal?.aborted || cause instanceof OsmithError) throw cause;
    throw cannotLock(file, (cause as Error).message, 'Install util-linux (flock, setpriv)');
  }
  let released: Promise<void> | undefined;
  // Not at once: closing the last descriptor of a file that was deleted takes as long as deleting it.
  return { release: () => (released ??= promisify(close)(fd)) };
}

function cannotLock(file: string, why: string, hint?: string): OsmithError {
  const text = why.trim();
  if (/no space left on device/i.test(text)) {
    return new OsmithError('E_NO_SPACE', `No space left for ${file}`, {
      hint: 'Free some space, or set OSMITH_STORE to a larger file system',
    });
  }
  return new OsmithError('E_STORE', `Cannot lock ${file}: ${text}`, { hint });
}
