/** Large objects in parts. Nothing of one is seen before all of it is there; one that was cut off is continued. */
import { createHash, type Hash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { OsmithError } from '../../errors.ts';
import { xmlElements, xmlText, type S3Client } from './s3-client.ts';

const MIB = 2 ** 20;
const MOST_PARTS = 10_000;
/** Parts that are sent at the same time; each is held in memory. */
const TOGETHER = 4;

export interface Upload {
  key: string;
  id: string;
}

export interface FileContent {
  file: string;
  size: number;
  sha256: string;
}

/** Every part but the last has this size, which follows from that of the file: so an upload can be continued. */
export function partSize(size: number): number {
  return Math.max(8, Math.ceil(size / MOST_PARTS / MIB)) * MIB;
}

/** Uploads that were begun below a prefix, oldest first. */
export async function listUploads(client: S3Client, prefix: string): Promise<Upload[]> {
  const found: (Upload & { time: string })[] = [];
  for (let marker: Record<string, string> = {}; ;) {
    const { body } = await client.send('GET', '', { query: { uploads: '', prefix, ...marker } });
    const text = body.toString();
    for (const each of xmlElements(text, 'Upload')) {
      const [key, id] = [xmlText(each, 'Key'), xmlText(each, 'UploadId')];
      if (key?.startsWith(prefix) && id !== undefined)
        found.push({ key, id, time: xmlText(each, 'Initiated') ?? '' });
    }
    const next = [xmlText(text, 'NextKeyMarker'), xmlText(text, 'NextUploadIdMarker')];
    if (xmlText(text, 'IsTruncated') !== 'true' || next[0] === undefined) break;
    marker = { 'key-marker': next[0], 'upload-id-marker': next[1] ?? '' };
  }
  return found.sort((a, b) => (a.time < b.time ? -1 : 1)).map(({ key, id }) => ({ key, id }));
}

export async function abortUpload(client: S3Client, { key, id }: Upload): Promise<void> {
  await client.send('DELETE', key, { query: { uploadId: id }, allow: [404] });
}

/** ETags of the parts that arrived, by number. */
async function listParts(client: S3Client, { key, id }: Upload): Promise<Map<number, string>> {
  const parts = new Map<number, string>();
  for (let marker: Record<string, string> = {}; ;) {
    const { status, body } = await client.send('GET', key, {
      query: { uploadId: id, ...marker },
      allow: [404],
    });
    if (status === 404) return parts;
    const text = body.toString();
    for (const each of xmlElements(text, 'Part'))
      parts.set(Number(xmlText(each, 'PartNumber')), etag(xmlText(each, 'ETag')));
    const next = xmlText(text, 'NextPartNumberMarker');
    if (xmlText(text, 'IsTruncated') !== 'true' || next === undefined) return parts;
    marker = { 'part-number-marker': next };
  }
}

const etag = (text: string | null | undefined) => (text ?? '').replaceAll('"', '');

/** Sends a file in parts, without those that are there. False: the file is not what it must be; nothing is left then. */
export async function uploadParts(
  client: S3Client,
  key: string,
  content: FileContent,
  headers: Record<string, string>,
  signal?: AbortSignal,
): Promise<boolean> {
  const begun = (await listUploads(client, key)).filter((each) => each.key === key).at(-1);
  const upload = begun ?? (await beginUpload(client, key, headers));
  const there = begun === undefined ? new Map<number, string>() : await listParts(client, begun);
  const hash = createHash('sha256');
  const sent: string[] = [];
  const file = await open(content.file);
  try {
    const step = partSize(content.size) * TOGETHER;
    for (let offset = 0; offset < content.size; offset += step) {
      signal?.throwIfAborted();
      const parts = await readParts(file, offset, content.size, hash);
      if (parts === undefined) break;
      const first = sent.length + 1;
      const etags = parts.map(async (part, index) => sendPart(client, upload, first + index, part, there));
      sent.push(...(await allOrFirst(etags)));
    }
  } finally {
    await file.close();
  }
  if (hash.digest('hex') !== content.sha256) {
    await abortUpload(client, upload);
    return false;
  }
  const list = sent.map(
    (tag, index) => `<Part><PartNumber>${index + 1}</PartNumber><ETag>"${tag}"</ETag></Part>`,
  );
  await client.send('POST', key, {
    query: { uploadId: upload.id },
    headers: { 'content-type': 'application/xml' },
    body: Buffer.from(`<CompleteMultipartUpload>${list.join('')}</CompleteMultipartUpload>`),
    allow: [404], // when the answer to the first attempt was lost: the caller looks what is there
  });
  return true;
}

async function beginUpload(client: S3Client, key: string, headers: Record<string, string>): Promise<Upload> {
  const { body } = await client.send('POST', key, { query: { uploads: '' }, headers });
  const id = xmlText(body.toString(), 'UploadId');
  if (id !== undefined) return { key, id };
  throw new OsmithError('E_TARGET', `${client.place} does not speak S3: it began no upload`);
}

/** Reads some parts; undefined if the file has become shorter. */
async function readParts(
  file: Awaited<ReturnType<typeof open>>,
  offset: number,
  size: number,
  hash: Hash,
): Promise<Buffer[] | undefined> {
  const step = partSize(size);
  const parts: Buffer[] = [];
  for (let at = offset; at < size && parts.length < TOGETHER; at += step) {
    const part = Buffer.alloc(Math.min(step, size - at));
    let filled = 0;
    while (filled < part.length) {
      const { bytesRead } = await file.read(part, filled, part.length - filled, at + filled);
      if (bytesRead === 0) return undefined;
      filled += bytesRead;
    }
    hash.update(part);
    parts.push(part);
  }
  return parts;
}

async function sendPart(
  client: S3Client,
  { key, id }: Upload,
  number: number,
  body: Buffer,
  there: ReadonlyMap<number, string>,
): Promise<string> {
  // Only says whether it can be spared; servers whose ETags are something else get the part again.
  const known = there.get(number);
  if (known !== undefined && known === createHash('md5').update(body).digest('hex')) return known;
  const query = { partNumber: String(number), uploadId: id };
  const { headers } = await client.send('PUT', key, { query, body });
  return etag(headers.get('etag'));
}

/** Waits for all, so that none goes on behind the error of another. */
async function allOrFirst<T>(promises: Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}
