/** Reads builds and published releases, wherever they are. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { isSystemError, OsmithError } from '../errors.ts';
import { HttpStatus, request, unreachable, type Http } from '../update/http.ts';

export interface Digest {
  size: number;
  sha256: string;
}

export interface Reader {
  /** What users call it. */
  readonly place: string;
  /** The bytes of a file; who reads them may stop at any time. Undefined: there is none. */
  open(path: string): Promise<AsyncIterable<Uint8Array> | undefined>;
  /** Names in a directory; undefined: this cannot be told. */
  list(path: string): Promise<string[] | undefined>;
}

/** A small file; one that is larger is cut off after `limit` bytes. Undefined: there is none. */
export async function readSmall(reader: Reader, path: string, limit: number): Promise<Buffer | undefined> {
  const data = await reader.open(path);
  if (data === undefined) return undefined;
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of data) {
    parts.push(part);
    size += part.length;
    if (size >= limit) break;
  }
  return Buffer.concat(parts).subarray(0, limit);
}

/** Of the whole file, or of a bit more than `limit` bytes if it is larger. Each part is also handed to `onPart`. */
export async function digestOf(
  data: AsyncIterable<Uint8Array>,
  limit: number,
  onPart?: (part: Uint8Array) => Promise<void>,
): Promise<Digest> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const part of data) {
    hash.update(part);
    size += part.length;
    await onPart?.(part);
    if (size > limit) break;
  }
  return { size, sha256: hash.digest('hex') };
}

const ABSENT = ['ENOENT', 'ENOTDIR', 'EISDIR'];

function absent(error: unknown): undefined {
  if (isSystemError(error) && ABSENT.includes(error.code!)) return undefined;
  throw error;
}

export function directoryReader(dir: string): Reader {
  const root = resolve(dir);
  return {
    place: root,
    open: async (path) => {
      const found = await stat(join(root, path)).catch(absent);
      if (found?.isFile() !== true) return undefined;
      return createReadStream(join(root, path), { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>;
    },
    list: async (path) => (await readdir(join(root, path)).catch(absent))?.sort() ?? [],
  };
}

/** What comes at once tells whether there is a file; the rest follows. */
export async function* continued(
  first: IteratorResult<Uint8Array, unknown>,
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    for (let next = first; next.done !== true; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}

/** As machines see it. */
export function httpReader(base: string, http: Http): Reader {
  const place = base.replace(/\/+$/, '');
  const failed = (path: string, error: unknown): OsmithError => {
    http.signal.throwIfAborted();
    if (error instanceof OsmithError) return error;
    const { code, message, details } = unreachable(`${place}/${path}`, error);
    return new OsmithError(code, message, { ...details, hint: 'Nothing can be said about what is there' });
  };
  async function* told(path: string, parts: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    try {
      yield* parts;
    } catch (error) {
      throw failed(path, error);
    }
  }
  return {
    place,
    open: async (path) => {
      const parts = request(http, `${place}/${path}`);
      try {
        return told(path, continued(await parts.next(), parts));
      } catch (error) {
        // What servers say of files that there are not.
        if (error instanceof HttpStatus && [403, 404, 410].includes(error.status)) return undefined;
        throw failed(path, error);
      }
    },
    list: async () => undefined,
  };
}
