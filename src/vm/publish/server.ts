/** A web server with releases, on the loopback of this machine. Guests reach it through QEMU's user network. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';

/** No more than so many bytes of a file are sent; then nothing follows, or the connection ends. */
export interface Limit {
  bytes: number;
  then: 'stall' | 'end';
}

/** What is published at a time. */
export interface Publication {
  /** Name to content. */
  texts: ReadonlyMap<string, string>;
  /** Name to the path of the content. */
  files: ReadonlyMap<string, string>;
  limits: ReadonlyMap<string, Limit>;
}

export interface ReleaseServer {
  port: number;
  /** Replaces all that was published. */
  publish(publication: Publication): void;
  /** How far into a file its readers have come since it was published: 0 to 1; undefined: nobody asked for it. */
  reached(name: string): number | undefined;
  /** Bytes of all files that were sent since they were published. */
  sent(): number;
  close(): Promise<void>;
}

/** Host that QEMU's user network has for this machine. */
export const HOST_FOR_GUESTS = '10.0.2.2';

/** Where guests find what is published. */
export function urlForGuests({ port }: Pick<ReleaseServer, 'port'>): string {
  return `http://${HOST_FOR_GUESTS}:${port}`;
}

interface Counters {
  size: number;
  reached: number;
  sent: number;
}

/** Inclusive bounds of what was asked for; undefined: all. */
function rangeOf(request: IncomingMessage, size: number): { start: number; end: number } | undefined {
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
  if (from === undefined) return undefined;
  return { start: Number(from), end: Math.min(to ? Number(to) : Infinity, size - 1) };
}

async function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  file: { path: string; size: number; limit: Limit | undefined; counters: Counters },
): Promise<void> {
  const { path, size, limit, counters } = file;
  const range = rangeOf(request, size);
  const { start, end } = range ?? { start: 0, end: size - 1 };
  if (range !== undefined && (start >= size || end < start)) {
    response.writeHead(416, { 'content-range': `bytes */${size}` }).end();
    return;
  }
  response.writeHead(range === undefined ? 200 : 206, {
    'content-length': size === 0 ? 0 : end - start + 1,
    'accept-ranges': 'bytes',
    ...(range !== undefined && { 'content-range': `bytes ${start}-${end}/${size}` }),
  });
  if (request.method === 'HEAD' || size === 0) return void response.end();
  const last = Math.min(end, (limit?.bytes ?? Infinity) - 1);
  if (last >= start) {
    const content = createReadStream(path, { start, end: last });
    let at = start;
    const follow = async function* (pieces: AsyncIterable<Buffer>) {
      for await (const piece of pieces) {
        yield piece;
        at += piece.length;
        counters.sent += piece.length;
        counters.reached = Math.max(counters.reached, at);
      }
    };
    await pipeline(content, follow, response, { end: last === end });
  } else response.flushHeaders();
  if (last < end && limit?.then === 'end') response.destroy();
}

/** A server that answers for what is published, and for nothing before that. */
export async function serveReleases(): Promise<ReleaseServer> {
  let now: Publication = { texts: new Map(), files: new Map(), limits: new Map() };
  let counters = new Map<string, Counters>();
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const name = /^\/([\w.+-]+)$/.exec(request.url ?? '')?.[1];
    const text = name === undefined ? undefined : now.texts.get(name);
    if (text !== undefined) return void response.end(text);
    const path = name === undefined ? undefined : now.files.get(name);
    const found = path === undefined ? undefined : await stat(path).catch(() => undefined);
    if (found === undefined) return void response.writeHead(404).end();
    const own = counters.get(name!) ?? { size: found.size, reached: 0, sent: 0 };
    counters.set(name!, own);
    await sendFile(request, response, {
      ...{ path: path!, size: found.size, limit: now.limits.get(name!), counters: own },
    });
  };
  const http = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy()); // whoever asked has gone
  });
  await new Promise<void>((resolve, reject) => {
    http.once('error', reject);
    http.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (http.address() as AddressInfo).port,
    publish: (publication) => {
      now = publication;
      counters = new Map();
      // Who is being kept waiting would wait for ever.
      http.closeAllConnections();
    },
    reached: (name) => {
      const found = counters.get(name);
      return found === undefined ? undefined : found.reached / Math.max(1, found.size);
    },
    sent: () => [...counters.values()].reduce((sum, { sent }) => sum + sent, 0),
    close: async () =>
      new Promise((resolve) => {
        http.close(() => resolve());
        http.closeAllConnections();
      }),
  };
}
