/** Reads builds and published releases: in a directory, or as machines see them, through HTTP. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
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
  /** Undefined: there is none. A file that is larger is cut off after `limit` bytes. */
  read(path: string, limit: number): Promise<Buffer | undefined>;
  /** Of the whole file, or of a bit more than `limit` bytes if it is larger. Undefined: there is none. */
  digest(path: string, limit: number): Promise<Digest | undefined>;
  /** Names in a directory; undefined: this cannot be told. */
  list(path: string): Promise<string[] | undefined>;
}

const ABSENT = ['ENOENT', 'ENOTDIR', 'EISDIR'];

function absent(error: unknown): undefined {
  if (isSystemError(error) && ABSENT.includes(error.code!)) return undefined;
  throw error;
}

async function digestOf(data: AsyncIterable<Uint8Array>, limit: number): Promise<Digest> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const part of data) {
    hash.update(part);
    size += part.length;
    if (size > limit) break;
  }
  return { size, sha256: hash.digest('hex') };
}

export function directoryReader(dir: string): Reader {
  const root = resolve(dir);
  return {
    place: root,
    read: async (path, limit) => {
      const data = await readFile(join(root, path)).catch(absent);
      return data?.subarray(0, limit);
    },
    digest: async (path, limit) => {
      const found = await stat(join(root, path)).catch(absent);
      if (found?.isFile() !== true) return undefined;
      return digestOf(createReadStream(join(root, path), { highWaterMark: 1 << 20 }), limit);
    },
    list: async (path) => (await readdir(join(root, path)).catch(absent))?.sort() ?? [],
  };
}

export function httpReader(base: string, http: Http): Reader {
  const place = base.replace(/\/+$/, '');
  /** What servers say of files that there are not. */
  const missing = (path: string, error: unknown): undefined => {
    http.signal.throwIfAborted();
    if (error instanceof HttpStatus && [403, 404, 410].includes(error.status)) return undefined;
    if (error instanceof OsmithError) throw error;
    const { code, message, details } = unreachable(`${place}/${path}`, error);
    throw new OsmithError(code, message, { ...details, hint: 'Nothing can be said about what is there' });
  };
  return {
    place,
    read: async (path, limit) => {
      const parts: Uint8Array[] = [];
      let size = 0;
      try {
        for await (const part of request(http, `${place}/${path}`)) {
          parts.push(part);
          size += part.length;
          if (size >= limit) break;
        }
        return Buffer.concat(parts).subarray(0, limit);
      } catch (error) {
        return missing(path, error);
      }
    },
    digest: async (path, limit) =>
      digestOf(request(http, `${place}/${path}`), limit).catch((error: unknown) => missing(path, error)),
    list: async () => undefined,
  };
}
