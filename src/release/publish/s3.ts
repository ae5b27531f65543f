/** A bucket of S3, or of a server that speaks the same. Each object appears as a whole; the token is put last. */
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { uniqueName } from '../../env.ts';
import { OsmithError } from '../../errors.ts';
import { s3Client, type S3Client } from './s3-client.ts';
import { lockS3, type S3Lock } from './s3-lock.ts';
import type { Reader } from '../reader.ts';
import { listObjects, s3Reader } from './s3-reader.ts';
import { readSettings } from './s3-settings.ts';
import { abortUpload, listUploads, partSize, uploadParts } from './s3-upload.ts';
import type { Content, Publisher, PublisherKind, PublisherOptions } from './types.ts';

export const s3Kind: PublisherKind = { kind: 's3', open: openS3, read: openS3Reader };

const IN_PROGRESS = '.inprogress-';
const DIGEST = 'x-amz-meta-sha256';

/** By the end of the name; what is not named is bytes. */
const TYPES: [RegExp, Record<string, string>][] = [
  [/\.jwt$/, { 'content-type': 'application/jwt' }],
  [/\.(?:json|ovf\.json)$/, { 'content-type': 'application/json' }],
  [/\.md$/, { 'content-type': 'text/markdown; charset=utf-8' }],
  [/(?:\/SHA256SUMS|\.txt|\.sha256|\.size)$/, { 'content-type': 'text/plain; charset=utf-8' }],
  [/\.(?:asc|gpg)$/, { 'content-type': 'application/pgp-signature', 'content-disposition': 'attachment' }],
  [/\.gz$/, { 'content-type': 'application/gzip' }],
  [/\.xz$/, { 'content-type': 'application/x-xz' }],
  [/\.zst$/, { 'content-type': 'application/zstd' }],
  [/\.zip$/, { 'content-type': 'application/zip' }],
];

/** What web clients are told about a file. */
export function contentHeaders(path: string): Record<string, string> {
  return TYPES.find(([form]) => form.test(path))?.[1] ?? { 'content-type': 'application/octet-stream' };
}

/** Reads `BUCKET[/PREFIX]`. Throws E_USAGE. */
export function parseBucket(target: string): { bucket: string; prefix: string } {
  const [, bucket, path] = /^([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])((?:\/[^\p{Cc}]*)?)$/u.exec(target) ?? [];
  const parts = (path ?? '').split('/').filter((part) => part !== '');
  if (bucket === undefined || parts.some((part) => part === '.' || part === '..'))
    throw new OsmithError('E_USAGE', `s3://${target} names no place in a bucket`, {
      hint: 'Write s3://BUCKET/PREFIX, such as s3://example-images/nightly',
    });
  return { bucket, prefix: parts.map((part) => `${part}/`).join('') };
}

function openBucket(target: string, signal?: AbortSignal) {
  const { bucket, prefix } = parseBucket(target);
  const place = `s3://${bucket}${prefix === '' ? '' : `/${prefix.slice(0, -1)}`}`;
  return { prefix, place, client: s3Client(place, async () => readSettings(bucket), signal) };
}

function openS3Reader({ target, signal }: Omit<PublisherOptions, 'name'>): Reader {
  const { prefix, place, client } = openBucket(target, signal);
  return s3Reader(client, prefix, place);
}

function openS3({ target, name, signal }: PublisherOptions): Publisher {
  const { prefix, place, client } = openBucket(target, signal);
  const at = (path: string) => `${prefix}${path}`;
  let held: S3Lock | undefined;
  return {
    place,
    lock: async () => {
      const lock = await lockS3({ client, prefix: at(`${name}/${IN_PROGRESS}`), holder: uniqueName() });
      held = lock;
      if (lock === undefined) return undefined;
      return {
        release: async () => {
          held = undefined;
          await lock.release();
        },
      };
    },
    list: async (directory) => {
      const { files } = await listObjects(client, at(`${directory}/`));
      return files
        .map(({ path, size }) => ({ path: path.slice(prefix.length), size }))
        .filter(({ path }) => !path.endsWith('/') && !path.slice(name.length + 1).startsWith(IN_PROGRESS));
    },
    read: async (path, limit) => {
      // Looked at first: what is larger is not loaded.
      const found = await client.send('HEAD', at(path), { allow: [404] });
      if (found.status === 404) return undefined;
      if (Number(found.headers.get('content-length')) > limit)
        throw new OsmithError('E_TARGET', `${place}/${path} is too large to be what its name says`);
      const { status, body } = await client.send('GET', at(path), { allow: [404] });
      return status === 404 ? undefined : body;
    },
    put: async (path, content) => {
      if (await isThere(client, at(path), about(content))) return;
      if (await send(client, at(path), content, signal)) return;
      const file = Buffer.isBuffer(content) ? path : content.file;
      throw new OsmithError('E_SIGNATURE', `${file} is not what its manifest says`, {
        hint: 'Something changed it. Run `osmith build` again: it puts back what the store has',
      });
    },
    commit: async (path, content) => {
      await held?.check();
      const headers = headersFor(path, about(content).sha256);
      await client.send('PUT', at(path), {
        body: content,
        headers: { ...headers, 'cache-control': 'no-cache' },
      });
      // What was begun and never finished is seen by nobody, but paid for.
      for (const upload of await listUploads(client, at(`${name}/`))) await abortUpload(client, upload);
    },
    remove: async (paths) => {
      await held?.check();
      for (const path of paths) await client.send('DELETE', at(path), { allow: [404] });
    },
  };
}

interface Digest {
  size: number;
  sha256: string;
}

function about(content: Content): Digest {
  if (!Buffer.isBuffer(content)) return content;
  return { size: content.length, sha256: createHash('sha256').update(content).digest('hex') };
}

function headersFor(path: string, sha256: string): Record<string, string> {
  return { ...contentHeaders(path), [DIGEST]: sha256 };
}

/** By its size and the digest that was sent with it: the server vouches for the contents. */
async function isThere(client: S3Client, key: string, { size, sha256 }: Digest): Promise<boolean> {
  const { status, headers } = await client.send('HEAD', key, { allow: [404] });
  if (status === 404) return false;
  return Number(headers.get('content-length')) === size && headers.get(DIGEST) === sha256;
}

/** False: the file is not what it must be. */
async function send(client: S3Client, key: string, content: Content, signal?: AbortSignal): Promise<boolean> {
  const { size, sha256 } = about(content);
  const headers = headersFor(key, sha256);
  if (Buffer.isBuffer(content) || size <= partSize(size)) {
    if (!Buffer.isBuffer(content) && (await stat(content.file)).size !== size) return false;
    const body = Buffer.isBuffer(content) ? content : await readFile(content.file);
    if (body.length !== size || about(body).sha256 !== sha256) return false;
    await client.send('PUT', key, { body, headers });
    return true;
  }
  if ((await stat(content.file)).size !== size) return false;
  if (!(await uploadParts(client, key, content, headers, signal))) return false;
  if (await isThere(client, key, content)) return true;
  throw new OsmithError('E_NETWORK', `${client.place} did not take ${key}`, {
    hint: 'What is published is as it was. Run the command again',
  });
}
