/**
 * What the store remembers of live images, by the identity of their root file system: which trees earlier builds and
 * updates gave them. It is a claim; the image is compared with it.
 */
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { FileFacts, Listing } from '../diff/types.ts';
import { writeAtomic, type Store } from '../run/store.ts';

export interface LiveState {
  /** Attributes of what was built. */
  variant: string;
  /** Digests of trees that it may have, the newest last: an image is of this store if it has one of them. */
  trees: string[];
  /** Digests of configuration volumes that builds gave it. */
  configs: string[];
  /** The states of files after their update, and what was read from them then. */
  notes?: string[];
  /** Digest of the disk whose boot files it has. */
  frame?: string;
  tree?: [string, FileFacts][];
}

function path(store: Store, uuid: string): string {
  return join(store.dir, 'last', 'live', `${uuid}.json`);
}

export async function readState(store: Store, uuid: string): Promise<LiveState | undefined> {
  try {
    return JSON.parse(await readFile(path(store, uuid), 'utf8')) as LiveState;
  } catch {
    return undefined; // never updated here, or unreadable
  }
}

export function writeState(store: Store, uuid: string, state: LiveState): Promise<void> {
  return writeAtomic(path(store, uuid), JSON.stringify(state));
}

/** The state of a file: nobody changes one without changing its times. */
export async function noteOf(file: string): Promise<string> {
  const { dev, ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
}

export function treeDigest(listing: Listing): string {
  const hash = createHash('sha256');
  for (const name of [...listing.keys()].sort()) {
    const { type, mode, owner, size, digest, detail, attributes, names } = listing.get(name)!;
    hash.update(
      JSON.stringify([
        name,
        type,
        type === 'symlink' ? 0 : mode,
        owner,
        size,
        digest,
        detail,
        attributes,
        names,
      ]),
    );
  }
  return hash.digest('hex');
}
