/** Downloads one file over HTTP: resumed after interruptions, verified before anyone sees it. */
import { createWriteStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import '../../connections.ts';
import { OsmithError } from '../../errors.ts';
import { sha256File } from '../../run/store.ts';

export interface Download {
  url: string;
  to: string;
  /** Bytes. */
  size: number;
  /** Absent: whoever asks looks whether it is the right file. */
  sha256?: string | undefined;
}

/** Milliseconds. */
export interface DownloadOptions {
  /** Waits between attempts. */
  delays: number[];
  /** A server that sends nothing for so long is given up. */
  stall: number;
}

const PATIENT: DownloadOptions = { delays: [500, 1500, 4000], stall: 30_000 };

/** Client errors that pass: timeout, too early, too many requests. */
const PASSING = [408, 425, 429];

class HttpStatus extends Error {
  readonly status: number;
  constructor(status: number) {
    super(`the server answers ${status}`);
    this.status = status;
  }
}

/** More came than there should be. */
class TooLong extends Error {}

async function present(file: string): Promise<number> {
  return (await stat(file).catch(() => ({ size: 0 }))).size;
}

async function attempt(
  { url, to, size }: Download,
  signal: AbortSignal,
  onBytes: (count: number) => void,
  stall: number,
): Promise<void> {
  const have = await present(to);
  if (have >= size && have > 0) return;
  const stalled = new AbortController();
  const give = () => stalled.abort(new Error(`nothing received for ${stall / 1000} s`));
  let timer = setTimeout(give, stall);
  try {
    const response = await fetch(url, {
      signal: AbortSignal.any([signal, stalled.signal]),
      headers: { 'accept-encoding': 'identity', ...(have > 0 ? { range: `bytes=${have}-` } : {}) },
    });
    if (!response.ok || response.body === null) throw new HttpStatus(response.status);
    const resumed = response.status === 206;
    if (resumed && !response.headers.get('content-range')?.startsWith(`bytes ${have}-`)) {
      await rm(to, { force: true });
      throw new Error('the server sends another part than was asked for');
    }
    let received = resumed ? have : 0;
    const watch = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        clearTimeout(timer);
        timer = setTimeout(give, stall);
        received += chunk.length;
        onBytes(chunk.length);
        done(received > size ? new TooLong() : null, chunk);
      },
    });
    const body = Readable.fromWeb(response.body);
    await pipeline(body, watch, createWriteStream(to, { flags: resumed ? 'a' : 'w' }));
    if (received < size) throw new Error(`the connection ended after ${received} of ${size} bytes`);
  } finally {
    clearTimeout(timer);
  }
}

function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message || error.message : error.message;
}

/** The error for a file that is another than it should be. */
export function altered({ url }: Pick<Download, 'url'>, hint: string): OsmithError {
  return new OsmithError('E_SIGNATURE', `${url} is not the file that the signed index names`, {
    hint: `${hint}. The mirror or a proxy altered it; use another mirror`,
  });
}

function unavailable({ url }: Download, cause: unknown, gone: boolean): OsmithError {
  return new OsmithError('E_NETWORK', `Cannot download ${url}: ${causeOf(cause)}`, {
    cause,
    hint: gone
      ? 'The mirror moved on: build with --refresh to use its present packages'
      : 'Check the network and the mirror, then build again; what arrived is kept',
  });
}

/** Fetches to `to`. Throws E_NETWORK when the server cannot deliver, E_SIGNATURE when the content is another. */
export async function download(
  what: Download,
  signal: AbortSignal,
  onBytes: (count: number) => void = () => {},
  { delays, stall }: DownloadOptions = PATIENT,
): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    try {
      await attempt(what, signal, onBytes, stall);
      break;
    } catch (error) {
      signal.throwIfAborted();
      if ((error as NodeJS.ErrnoException).code === 'ENOSPC') throw error;
      if (error instanceof TooLong) {
        await rm(what.to, { force: true });
        throw altered(what, `It is larger than ${what.size} bytes`);
      }
      const { status = 0 } = error as Partial<HttpStatus>;
      const gone = status >= 400 && status < 500 && !PASSING.includes(status);
      const delay = delays[tries];
      if (delay === undefined || gone) throw unavailable(what, error, gone);
      await sleep(delay, undefined, { signal });
    }
  }
  if (what.sha256 === undefined) return;
  const digest = await sha256File(what.to);
  if (digest === what.sha256) return;
  await rm(what.to);
  throw altered(what, `Expected SHA-256 ${what.sha256}, got ${digest}`);
}
