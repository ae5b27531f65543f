/**
 * Layers unpacked into directories, for overlays: a cache beside the layer blobs, made when a step needs to enter a
 * tree. Directory names are shortened digests, because overlay mounts have little room for options.
 */
import { chmod, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { OsmithError } from '../errors.ts';
import { BLOCK_DEVICE, CHAR_DEVICE, type Entry } from './layer/entry.ts';
import { indexTar, type IndexedEntry } from './layer/index.ts';
import { tarStream, type Part } from './layer/stream.ts';
import { dirname, isOpaqueMarker, toOverlay, whiteoutTarget } from './layer/whiteout.ts';
import { lockFile, type Lock } from './lock.ts';
import { inNamespace } from './namespace.ts';
import { startSandbox } from './sandbox.ts';
import { removeTree } from './scratch.ts';
import { blobPath, writeAtomic, type Store } from './store.ts';

function treeName(digest: string): string {
  return join('trees', digest.slice(0, 24));
}

/** Programs do it, which need not wait until we are free to read what they found. The first line is find's exit code. */
const FINGERPRINT =
  '{ { find "$0" -mindepth 1 -printf "%P %i %s %C@ %m %U:%G\\n"; echo "$?" >&3; } | sort | sha256sum; } 3>&1';

/** Changes with any change of a name, inode, size, mode, owner or content below a directory. */
async function fingerprint(dir: string): Promise<string> {
  const [code, digest] = (await inNamespace(['sh', '-c', FINGERPRINT, dir])).split('\n');
  if (code !== '0') throw new OsmithError('E_STORE', `${dir} cannot be read`);
  return digest!.slice(0, 64);
}

/** Device nodes cannot be made in a user namespace; they live in the layer tar only. */
function isDevice(entry: Entry): boolean {
  return entry.type === CHAR_DEVICE || entry.type === BLOCK_DEVICE;
}

function unpackParts(file: string, entries: IndexedEntry[]): Part[] {
  const opaque = new Set(entries.filter(isOpaqueMarker).map((entry) => dirname(entry.path)));
  const parts: Part[] = [];
  for (const entry of entries) {
    const wanted = toOverlay(entry, opaque);
    if (wanted === undefined || (isDevice(wanted) && whiteoutTarget(entry) === undefined)) continue;
    parts.push({ entry: wanted, file, offset: entry.offset });
  }
  return parts;
}

const UNPACK =
  'tar -x -p --delay-directory-restore --numeric-owner --same-owner --xattrs --xattrs-include=* -C /to'.split(
    ' ',
  );

async function unpack(
  store: Store,
  scratch: string,
  digest: string,
  to: string,
  signal?: AbortSignal,
): Promise<void> {
  const file = blobPath(store, digest);
  const parts = unpackParts(file, indexTar(file));
  await mkdir(to);
  await chmod(to, 0o755);
  const sandbox = await startSandbox(
    {
      store: store.dir,
      root: 'host',
      argv: UNPACK,
      binds: [{ from: to, to: '/to', writable: true }],
      stdio: ['pipe', 'ignore', 'pipe'],
      ...(signal && { signal }),
    },
    scratch,
  );
  const said = text(sandbox.child.stderr!);
  const fed = pipeline(tarStream(parts), sandbox.child.stdin!).catch((error: unknown) => error);
  const [code, errors, fault] = await Promise.all([sandbox.exit, said, fed]);
  signal?.throwIfAborted();
  if (code === 0 && fault === undefined) return;
  // A tar that ends early says why; the broken pipe would only hide it.
  const lines = code === 0 ? [(fault as Error).message] : errors.trim().split('\n');
  const full = errors.includes('No space left on device');
  throw new OsmithError(full ? 'E_NO_SPACE' : 'E_STORE', `Cannot unpack a layer: ${lines[0]}`, {
    tail: lines.slice(-10),
    hint: full ? 'Free some space, or set OSMITH_STORE to a larger file system' : undefined,
  });
}

const checked = new Map<string, Promise<string>>();

/** The directory, relative to the store, with a layer's content; unpacked now if it is not there or was touched. */
export function checkout(
  store: Store,
  scratch: string,
  digest: string,
  signal?: AbortSignal,
): Promise<string> {
  const path = join(store.dir, treeName(digest));
  let ready = checked.get(path);
  if (ready === undefined) {
    ready = prepare(store, scratch, digest, path, signal);
    checked.set(path, ready);
    ready.catch(() => checked.delete(path));
  }
  return ready;
}

function lockTree(store: Store, digest: string, signal?: AbortSignal): Promise<Lock | undefined> {
  return lockFile(join(store.dir, 'locks', `tree-${digest.slice(0, 24)}`), {
    wait: true,
    ...(signal && { signal }),
  });
}

/** The directories of several layers. Nothing is under way any more when it returns or throws. */
export async function checkoutAll(
  store: Store,
  scratch: string,
  digests: string[],
  signal?: AbortSignal,
): Promise<string[]> {
  const all = digests.map((digest) => checkout(store, scratch, digest, signal));
  await Promise.allSettled(all);
  return Promise.all(all);
}

async function prepare(
  store: Store,
  scratch: string,
  digest: string,
  path: string,
  signal?: AbortSignal,
): Promise<string> {
  const lock = await lockTree(store, digest, signal);
  try {
    const known = await readFile(`${path}.fingerprint`, 'utf8').catch(() => '');
    if (known !== '' && known === (await fingerprint(path).catch(() => ''))) return treeName(digest);
    await rm(`${path}.fingerprint`, { force: true });
    await removeTree(path);
    const temporary = join(scratch, `unpack-${digest.slice(0, 24)}`);
    await unpack(store, scratch, digest, temporary, signal);
    await place(temporary, path);
    return treeName(digest);
  } finally {
    await lock?.release();
  }
}

async function place(from: string, path: string): Promise<void> {
  await rename(from, path);
  await writeAtomic(`${path}.fingerprint`, await fingerprint(path));
}

/** Keeps an overlay's upper directory as the unpacked form of the layer that was made from it. */
export async function adopt(store: Store, upper: string, digest: string): Promise<void> {
  const path = join(store.dir, treeName(digest));
  const lock = await lockTree(store, digest);
  try {
    const known = await readFile(`${path}.fingerprint`, 'utf8').catch(() => '');
    if (known === '') {
      await removeTree(path);
      await place(upper, path);
      checked.set(path, Promise.resolve(treeName(digest)));
    }
  } finally {
    await lock?.release();
  }
}
