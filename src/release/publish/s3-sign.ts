/** Signs requests as S3 wants it (Signature Version 4, with the digest of the body). Pure. */
import { createHash, createHmac } from 'node:crypto';

export interface Credentials {
  accessKey: string;
  secret: string;
  /** Of credentials for some hours. */
  sessionToken?: string | undefined;
}

export interface Unsigned {
  method: string;
  url: URL;
  headers: Record<string, string>;
  body: Buffer;
}

const hex = (data: string | Buffer) => createHash('sha256').update(data).digest('hex');
const hmac = (key: string | Buffer, data: string) => createHmac('sha256', key).update(data).digest();

/** Percent-encoding of all but the unreserved characters. */
export function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** The query of a URL, as it is signed. */
export function formatQuery(query: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(query).map(([name, value]) => `${encode(name)}=${encode(value)}`);
  return pairs.sort().join('&');
}

/** All headers to send. The URL must be encoded with `encode` and `formatQuery`. */
export function sign(
  { method, url, headers, body }: Unsigned,
  { accessKey, secret, sessionToken }: Credentials,
  region: string,
  milliseconds: number,
): Record<string, string> {
  const time = new Date(milliseconds).toISOString().replaceAll(/[:-]|\.\d+/g, '');
  const scope = `${time.slice(0, 8)}/${region}/s3/aws4_request`;
  const all: Record<string, string> = {
    ...headers,
    'x-amz-content-sha256': hex(body),
    'x-amz-date': time,
    ...(sessionToken !== undefined && { 'x-amz-security-token': sessionToken }),
  };
  const signed = Object.entries({ ...all, host: url.host })
    .map(([name, value]) => [name.toLowerCase(), value.trim().replaceAll(/ +/g, ' ')] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const names = signed.map(([name]) => name).join(';');
  const canonical = [
    ...[method, url.pathname, url.search.slice(1)],
    ...signed.map(([name, value]) => `${name}:${value}`),
    ...['', names, all['x-amz-content-sha256']],
  ].join('\n');
  const key = [region, 's3', 'aws4_request'].reduce(hmac, hmac(`AWS4${secret}`, time.slice(0, 8)));
  const signature = hmac(key, ['AWS4-HMAC-SHA256', time, scope, hex(canonical)].join('\n')).toString('hex');
  const authorization = `AWS4-HMAC-SHA256 Credential=${accessKey}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
  return { ...all, authorization };
}
