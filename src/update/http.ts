/** HTTP for machines that are out in the field: ranges, and an end to servers that stall or send too much. */
import '../connections.ts';
import { OsmithError } from '../errors.ts';

/** What a request needs from its surroundings. */
export interface Http {
  fetch: typeof fetch;
  signal: AbortSignal;
  /** Milliseconds without a byte after which a server is given up. */
  stall: number;
}

export const STALL = 30_000;

export class HttpStatus extends Error {
  readonly status: number;
  constructor(status: number) {
    super(`the server answers ${status}`);
    this.status = status;
  }
}

/** Why a request failed, in words: `fetch` hides it in the cause. */
export function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message || error.message : error.message;
}

export function unreachable(url: string, error: unknown): OsmithError {
  return new OsmithError('E_NETWORK', `Cannot download ${url}: ${causeOf(error)}`, {
    cause: error,
    hint: 'Nothing that runs was changed; what arrived is kept for the next attempt',
  });
}

/** Bytes `from` to `to` (exclusive) of a file. */
export interface Range {
  from: number;
  to: number;
}

/**
 * Streams a response. Yields what the server sends, whose first byte has the offset that is returned by `onStart`
 * (0 if the server ignores ranges). Throws when nothing comes for too long.
 */
export async function* request(
  http: Http,
  url: string,
  options: { range?: Range; onStart?: (offset: number, length: number | undefined) => void } = {},
): AsyncGenerator<Uint8Array> {
  const stalled = new AbortController();
  const give = () => stalled.abort(new Error(`nothing received for ${http.stall / 1000} s`));
  let timer = setTimeout(give, http.stall);
  const { range, onStart } = options;
  try {
    const response = await http.fetch(url, {
      signal: AbortSignal.any([http.signal, stalled.signal]),
      // What is signed is the file itself.
      headers: {
        'accept-encoding': 'identity',
        ...(range === undefined ? {} : { range: `bytes=${range.from}-${range.to - 1}` }),
      },
    });
    if (!response.ok || response.body === null) {
      await response.body?.cancel();
      throw new HttpStatus(response.status);
    }
    onStart?.(startOf(response, range), lengthOf(response));
    for await (const chunk of response.body) {
      clearTimeout(timer);
      timer = setTimeout(give, http.stall);
      yield chunk;
    }
  } finally {
    clearTimeout(timer);
    // Ends the transfer when the reader had enough.
    stalled.abort();
  }
}

function lengthOf(response: Response): number | undefined {
  const text = response.headers.get('content-length');
  return text === null ? undefined : Number(text);
}

function startOf(response: Response, range: Range | undefined): number {
  if (response.status !== 206 || range === undefined) return 0;
  const start = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1];
  if (Number(start) !== range.from) throw new Error('the server sends another range than it was asked for');
  return range.from;
}

/** A whole small file. Throws E_NETWORK. */
export async function fetchSmall(http: Http, url: string, limit: number): Promise<Buffer> {
  try {
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of request(http, url)) {
      size += chunk.length;
      if (size > limit) throw new Error(`the file is larger than ${limit} bytes`);
      parts.push(chunk);
    }
    return Buffer.concat(parts);
  } catch (error) {
    http.signal.throwIfAborted();
    throw unreachable(url, error);
  }
}

/** What servers answer for a file that there is not; some that store objects say 403. */
const ABSENT = new Set([403, 404, 410]);

/** Whether the server has a file; true also when it does not say. */
export async function isPublished(http: Http, url: string): Promise<boolean> {
  try {
    const response = await http.fetch(url, {
      method: 'HEAD',
      signal: AbortSignal.any([http.signal, AbortSignal.timeout(http.stall)]),
    });
    return !ABSENT.has(response.status);
  } catch (error) {
    http.signal.throwIfAborted();
    throw unreachable(url, error);
  }
}

/** Bytes that the server says a file has; undefined when it does not say. */
export async function remoteSize(http: Http, url: string): Promise<number | undefined> {
  try {
    const response = await http.fetch(url, {
      method: 'HEAD',
      headers: { 'accept-encoding': 'identity' },
      signal: AbortSignal.any([http.signal, AbortSignal.timeout(http.stall)]),
    });
    if (response.status === 404) throw new HttpStatus(404);
    return response.ok ? lengthOf(response) : undefined;
  } catch (error) {
    http.signal.throwIfAborted();
    throw unreachable(url, error);
  }
}
