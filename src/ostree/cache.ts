/**
 * Objects of remote OSTree repositories, kept in the store from pull to pull: a new commit then costs only what changed,
 * and one that was cut off goes on where it was. Hard links both ways. libostree takes objects that are there for good:
 * whoever lends them must have the repository checked.
 */
import { link, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isSystemError } from '../errors.ts';

/** Below the store's directory; `osmith gc` removes from there what has not been lent for long. */
const CACHE = 'cache/ostree';

/** Contents and directories: they are named by their digests. Commits are fetched anew, with their signatures. */
const isKept = (name: string) => /\.(filez|dirtree|dirmeta)$/.test(name);

async function names(dir: string): Promise<string[]> {
  try {
    return await readdir(dir);
  } catch (error) {
    if (isSystemError(error) && error.code === 'ENOENT') return [];
    throw error;
  }
}

async function linkAll(from: string, to: string): Promise<void> {
  const prefixes = (await names(from)).filter((name) => /^[0-9a-f]{2}$/.test(name));
  for (const prefix of prefixes) {
    await mkdir(join(to, prefix), { recursive: true });
    for (const name of (await names(join(from, prefix))).filter(isKept)) {
      await link(join(from, prefix, name), join(to, prefix, name)).catch((error: unknown) => {
        if (!isSystemError(error) || error.code !== 'EEXIST') throw error;
      });
    }
  }
}

export function lendObjects(store: string, repo: string): Promise<void> {
  return linkAll(join(store, CACHE), join(repo, 'objects'));
}

/** Also what a pull that failed has got: libostree collects it in a directory aside. */
export async function keepObjects(store: string, repo: string): Promise<void> {
  const aside = (await names(join(repo, 'tmp'))).filter((name) => name.startsWith('staging-'));
  for (const dir of ['objects', ...aside.map((name) => join('tmp', name))]) {
    await linkAll(join(repo, dir), join(store, CACHE));
  }
}
