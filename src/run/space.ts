/**
 * Room on a file system while a program fills it. Not every program ends when there is none left: apt waits for ever.
 */
import { statfs } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { OsmithError, type ErrorDetails } from '../errors.ts';

/** Milliseconds. */
const INTERVAL = 1000;
/** So often in a row there must be nothing left. */
const PATIENCE = 3;

export interface SpaceWatch {
  /** Whether nothing was left for a while. */
  full: () => boolean;
  stop: () => void;
}

/** Calls `onFull` once when a directory's file system has been full for a while. */
export function watchSpace(dir: string, onFull: () => void): SpaceWatch {
  const root = userInfo().uid === 0;
  let count = 0;
  const timer = setInterval(() => {
    statfs(dir).then(
      // Root may use what is reserved for it.
      ({ bfree, bavail, blocks }) => {
        count = blocks > 0 && (root ? bfree : bavail) === 0 ? count + 1 : 0;
        if (count === PATIENCE) onFull();
      },
      () => {},
    );
  }, INTERVAL);
  return { full: () => count >= PATIENCE, stop: () => clearInterval(timer) };
}

export function noSpaceLeft(program: string, details: ErrorDetails = {}): OsmithError {
  return new OsmithError('E_NO_SPACE', `${program} found no space left`, {
    ...details,
    hint: 'Free some space, or set OSMITH_STORE to a larger file system',
  });
}
