/** Looks at what is in a bucket. */
import type { Reader } from '../reader.ts';
import { xmlElements, xmlText, type S3Client } from './s3-client.ts';
import type { PublishedFile } from './types.ts';

/** What is asked for at once: each answer is held in memory, and asked for again if it is cut off. */
const STEP = 16 * 1024 * 1024;

/**
 * All objects below a prefix, sorted. With `shallow` only those that have no further `/` in their names, and the prefixes
 * of the others.
 */
export async function listObjects(
  client: S3Client,
  prefix: string,
  { shallow = false } = {},
): Promise<{ files: PublishedFile[]; prefixes: string[] }> {
  const files: PublishedFile[] = [];
  const prefixes: string[] = [];
  const query = { 'list-type': '2', prefix, ...(shallow && { delimiter: '/' }) };
  for (let more: Record<string, string> = {}; ;) {
    const { body } = await client.send('GET', '', { query: { ...query, ...more } });
    const text = body.toString();
    for (const each of xmlElements(text, 'Contents')) {
      const path = xmlText(each, 'Key') ?? '';
      if (path.startsWith(prefix)) files.push({ path, size: Number(xmlText(each, 'Size')) });
    }
    prefixes.push(...xmlElements(text, 'CommonPrefixes').flatMap((each) => xmlText(each, 'Prefix') ?? []));
    const token = xmlText(text, 'NextContinuationToken');
    if (xmlText(text, 'IsTruncated') !== 'true' || token === undefined) break;
    more = { 'continuation-token': token };
  }
  return { files: files.sort((a, b) => (a.path < b.path ? -1 : 1)), prefixes };
}

async function* ranges(client: S3Client, key: string, first: Buffer, size: number): AsyncGenerator<Buffer> {
  yield first;
  for (let at = first.length; at < size;) {
    const range = `bytes=${at}-${Math.min(at + STEP, size) - 1}`;
    const { body } = await client.send('GET', key, { headers: { range } });
    if (body.length === 0) return;
    yield body;
    at += body.length;
  }
}

export function s3Reader(client: S3Client, prefix: string, place: string): Reader {
  return {
    place,
    open: async (path) => {
      const key = `${prefix}${path}`;
      const range = `bytes=0-${STEP - 1}`;
      const { status, headers, body } = await client.send('GET', key, {
        headers: { range },
        allow: [404, 416],
      });
      if (status === 404) return undefined;
      const size = Number(headers.get('content-range')?.split('/')[1] ?? body.length);
      // Of an empty file there is no range.
      return ranges(client, key, status === 416 ? Buffer.alloc(0) : body, status === 416 ? 0 : size);
    },
    list: async (path) => {
      const at = path === '.' ? prefix : `${prefix}${path}/`;
      const { files, prefixes } = await listObjects(client, at, { shallow: true });
      const names = [...files.map((file) => file.path), ...prefixes.map((each) => each.replace(/\/$/, ''))];
      return names
        .map((each) => each.slice(at.length))
        .filter((each) => each !== '')
        .sort();
    },
  };
}
