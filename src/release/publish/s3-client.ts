/** Requests to a bucket: signed, and tried again where that can help. */
import { setTimeout as sleep } from 'node:timers/promises';
import { now, randomFraction } from '../../env.ts';
import { OsmithError } from '../../errors.ts';
import { causeOf } from '../../update/http.ts';
import type { S3Settings } from './s3-settings.ts';
import { encode, formatQuery, sign } from './s3-sign.ts';

export interface S3Request {
  query?: Record<string, string>;
  headers?: Record<string, string>;
  body?: Buffer;
  /** Status codes that are answers, not errors. */
  allow?: readonly number[];
}

export interface S3Response {
  status: number;
  headers: Headers;
  body: Buffer;
}

export interface S3Client {
  place: string;
  /** `key` '' is the bucket. Throws E_TARGET, E_NETWORK, E_NO_SPACE. */
  send(method: string, key: string, request?: S3Request): Promise<S3Response>;
}

const ATTEMPTS = 5;
const FIRST_DELAY = 300;
/** Milliseconds for one request: a part of a large file over a slow line. */
const TIMEOUT = 600_000;
const AGAIN = new Set([408, 425, 429, 500, 502, 503, 504]);

export function s3Client(place: string, settings: () => Promise<S3Settings>, signal?: AbortSignal): S3Client {
  let known: Promise<S3Settings> | undefined;
  const send = async (method: string, key: string, request: S3Request = {}): Promise<S3Response> => {
    const { url: base, credentials, region } = await (known ??= settings());
    const { query = {}, headers = {}, body = Buffer.alloc(0), allow = [] } = request;
    const url = new URL(base);
    url.pathname += key.split('/').map(encode).join('/');
    url.search = formatQuery(query);
    const unsigned = { method, url, headers, body };
    for (let attempt = 1; ; attempt += 1) {
      signal?.throwIfAborted();
      // Signed anew: a signature lives some minutes.
      const outcome = await once(unsigned, sign(unsigned, credentials, region, now()), signal);
      if (!(outcome instanceof Error)) {
        if ((outcome.status < 300 && !failedLate(outcome)) || allow.includes(outcome.status)) return outcome;
        if (!AGAIN.has(outcome.status) && !failedLate(outcome)) throw refused(place, outcome);
      }
      if (attempt === ATTEMPTS) throw unreachable(place, outcome);
      await sleep(FIRST_DELAY * 2 ** attempt * (0.5 + randomFraction()), undefined, signal && { signal });
    }
  };
  return { place, send };
}

async function once(
  { method, url, body }: { method: string; url: URL; body: Buffer },
  headers: Record<string, string>,
  signal?: AbortSignal,
): Promise<S3Response | Error> {
  try {
    const response = await fetch(url, {
      ...{ method, headers, redirect: 'manual' },
      ...(body.length > 0 && { body: new Uint8Array(body) }),
      signal: AbortSignal.any([AbortSignal.timeout(TIMEOUT), ...(signal ? [signal] : [])]),
    });
    return {
      status: response.status,
      headers: response.headers,
      body: Buffer.from(await response.arrayBuffer()),
    };
  } catch (error) {
    signal?.throwIfAborted();
    return error as Error;
  }
}

/** To finish an upload can take long: servers say 200 first, and what became of it in the text. */
function failedLate({ status, body }: S3Response): boolean {
  return status === 200 && body.length < 10_000 && /<Error>\s*<Code>/.test(body.toString());
}

function refused(place: string, response: S3Response): OsmithError {
  const said = response.body.toString();
  const clean = (name: string) => (xmlText(said, name) ?? '').replaceAll(/[^\x20-\x7e]/g, ' ');
  const code = clean('Code');
  const why = [String(response.status), code, clean('Message')].filter(Boolean).join(' ');
  if (response.status === 507 || code.startsWith('Quota'))
    return new OsmithError('E_NO_SPACE', `No space left in ${place}: ${why}`, {
      hint: 'Free some space there, or keep fewer old releases. What is published is as it was',
    });
  return new OsmithError('E_TARGET', `${place} refuses: ${why}`, { hint: hintFor(response.status, code) });
}

function hintFor(status: number, code: string): string {
  if (code === 'NoSuchBucket') return 'Make the bucket first, or name another one';
  if (code === 'RequestTimeTooSkewed') return 'Set the clock of this machine';
  if (/SignatureDoesNotMatch|InvalidAccessKeyId|ExpiredToken|InvalidToken/.test(code))
    return 'The credentials are wrong: they come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, else from the profile';
  if (code === 'AuthorizationHeaderMalformed' || (status >= 300 && status < 400))
    return 'The bucket is in another region or at another server: set AWS_REGION or AWS_ENDPOINT_URL';
  return 'The credentials must be right, and allow to list the bucket, and to read, write and remove below the prefix';
}

function unreachable(place: string, outcome: S3Response | Error): OsmithError {
  const why = outcome instanceof Error ? causeOf(outcome) : `the server answers ${outcome.status}`;
  return new OsmithError('E_NETWORK', `Cannot reach ${place}: ${why}`, {
    hint: 'What is published is as it was, or is complete. Run the command again: it goes on where it was',
    ...(outcome instanceof Error && { cause: outcome }),
  });
}

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function unescape(text: string): string {
  return text.replaceAll(/&(#x[\da-f]+|#\d+|\w+);/gi, (whole, name: string) => {
    if (!name.startsWith('#')) return ENTITIES[name] ?? whole;
    const number = /^#x/i.test(name) ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1));
    return number <= 0x10ffff ? String.fromCodePoint(number) : whole;
  });
}

/** The text of the first element of that name; S3's elements have no attributes to speak of. */
export function xmlText(xml: string, name: string): string | undefined {
  const found = new RegExp(`<${name}(?: [^>]*)?>([^<]*)</${name}>`).exec(xml)?.[1];
  return found === undefined ? undefined : unescape(found);
}

/** The insides of all elements of that name, which must not be nested. */
export function xmlElements(xml: string, name: string): string[] {
  return [...xml.matchAll(new RegExp(`<${name}(?: [^>]*)?>(.*?)</${name}>`, 'gs'))].map(([, text]) => text!);
}
