/** Downloads from a server that misbehaves. */
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { download, type DownloadOptions } from './download.ts';

const CONTENT = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * i) % 251));
const FAST: DownloadOptions = { delays: [1, 1, 1], stall: 300 };

type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void;

let dir = '';
beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), 'osmith-test-'))));
afterEach(() => rmSync(dir, { recursive: true }));

/** Where the client wants to go on. */
function start(request: IncomingMessage): number {
  return Number(request.headers.range?.match(/^bytes=(\d+)-$/)?.[1] ?? 0);
}

/** Sends the part that was asked for, as servers do. */
function send(request: IncomingMessage, response: ServerResponse, end = CONTENT.length): void {
  const from = start(request);
  const headers = { 'content-length': CONTENT.length - from };
  const range = { ...headers, 'content-range': `bytes ${from}-${CONTENT.length - 1}/${CONTENT.length}` };
  response.writeHead(from > 0 ? 206 : 200, from > 0 ? range : headers);
  const part = CONTENT.subarray(from, Math.max(from, end));
  if (end >= CONTENT.length) response.end(part);
  else response.write(part, () => setTimeout(() => response.destroy(), 100));
}

/** Downloads from a server that answers so; what came of it, and the ranges that were asked for. */
async function from(handler: Handler, options = FAST, signal = new AbortController().signal) {
  const ranges: number[] = [];
  const server = createServer((request, response) => {
    ranges.push(start(request));
    handler(request, response, ranges.length);
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  const to = join(dir, 'file');
  const what = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/a.deb`,
    ...{ to, size: CONTENT.length, sha256: createHash('sha256').update(CONTENT).digest('hex') },
  };
  try {
    const error = await download(what, signal, () => {}, options).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    return { error, ranges, file: existsSync(to) ? readFileSync(to) : undefined };
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const RESUMING: [string, Handler, (ranges: number[]) => unknown][] = [
  ['in one go', (request, response) => send(request, response), (ranges) => ranges.length === 1],
  [
    'goes on where the connection was cut',
    (request, response, count) => send(request, response, count * 100_000),
    (ranges) => ranges.length === 3 && ranges[1]! > 0 && ranges[2]! > 0,
  ],
  [
    'begins anew at a server that knows no ranges',
    (request, response, count) => {
      if (count === 1) send(request, response, 100_000);
      else response.writeHead(200, { 'content-length': CONTENT.length }).end(CONTENT);
    },
    (ranges) => ranges.length === 2 && ranges[1]! > 0,
  ],
  [
    'goes on at a server that sends another range than asked for',
    (request, response, count) => {
      if (count === 1) return send(request, response, 100_000);
      const range = `bytes 50-${CONTENT.length - 1}/${CONTENT.length}`;
      if (count === 2) response.writeHead(206, { 'content-range': range }).end(CONTENT.subarray(50));
      else send(request, response);
    },
    (ranges) => ranges.length === 3,
  ],
  [
    'tries again when the server is overloaded',
    (request, response, count) => {
      if (count === 1) response.writeHead(503).end();
      else if (count === 2) response.writeHead(429).end();
      else send(request, response);
    },
    (ranges) => ranges.length === 3,
  ],
  [
    'gives up a connection on which nothing comes',
    (request, response, count) => {
      if (count > 1) return send(request, response);
      response.writeHead(200, { 'content-length': CONTENT.length });
      response.write(CONTENT.subarray(0, 70_000)); // and then silence
    },
    (ranges) => ranges.length === 2,
  ],
  [
    'takes no compressed form',
    (request, response) => {
      expect(request.headers['accept-encoding'] ?? 'identity').toBe('identity');
      send(request, response);
    },
    (ranges) => ranges.length === 1,
  ],
];

test.each(RESUMING)('%s', async (_what, handler, asked) => {
  const { error, ranges, file } = await from(handler);
  expect(error).toBeUndefined();
  expect(file?.equals(CONTENT)).toBe(true);
  expect([ranges, asked(ranges)]).toEqual([ranges, true]);
});

const FAILING: [string, Handler, string, RegExp, number][] = [
  [
    'another content',
    (_request, response) => response.end(Buffer.alloc(CONTENT.length, 'x')),
    'E_SIGNATURE',
    /not the file that the signed index names/,
    1,
  ],
  [
    'a longer content',
    (_request, response) => response.end(Buffer.concat([CONTENT, Buffer.from('more')])),
    'E_SIGNATURE',
    /not the file that the signed index names/,
    1,
  ],
  ['not there', (_request, response) => response.writeHead(404).end(), 'E_NETWORK', /answers 404/, 1],
  ['an error', (_request, response) => response.writeHead(500).end(), 'E_NETWORK', /answers 500/, 4],
  ['always cut off', (_request, response) => response.destroy(), 'E_NETWORK', /Cannot download/, 4],
  ['always silent', () => {}, 'E_NETWORK', /nothing received for 0.3 s/, 4],
];

test.each(FAILING)('%s', async (_what, handler, code, message, requests) => {
  const { error, ranges, file } = await from(handler);
  expect(error).toMatchObject({ code, message: expect.stringMatching(message) as string });
  expect(ranges).toHaveLength(requests);
  if (code === 'E_SIGNATURE') expect(file).toBeUndefined();
});

test('hints: refresh when the file is gone, the network when the server is', async () => {
  const gone = await from((_request, response) => response.writeHead(404).end());
  expect(gone.error).toMatchObject({ details: { hint: expect.stringContaining('--refresh') as string } });
  const refused = download(
    { url: 'http://127.0.0.1:1/a.deb', to: join(dir, 'x'), size: 1, sha256: '' },
    new AbortController().signal,
    () => {},
    FAST,
  );
  await expect(refused).rejects.toMatchObject({
    ...{ code: 'E_NETWORK', message: expect.stringMatching(/127\.0\.0\.1:1/) as string },
    details: { hint: expect.stringContaining('network') as string },
  });
});

test('stops at once when told to', async () => {
  const stop = new AbortController();
  const stalled: Handler = (_request, response) => {
    response.writeHead(200, { 'content-length': CONTENT.length });
    response.write(CONTENT.subarray(0, 10));
    stop.abort(new Error('stop'));
  };
  const { error, ranges } = await from(stalled, { delays: [60_000], stall: 60_000 }, stop.signal);
  expect([error, ranges.length]).toEqual([new Error('stop'), 1]);
});

test('a proxy that the environment names is asked', async () => {
  const asked: string[] = [];
  const proxy = createServer((request, response) => {
    asked.push(request.url!);
    response.end(CONTENT);
  });
  await new Promise<void>((ready) => proxy.listen(0, '127.0.0.1', ready));
  const what = { url: 'http://mirror.invalid/a.deb', to: join(dir, 'file'), size: CONTENT.length };
  const env = { ...process.env, http_proxy: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` };
  const program = `
    import { download } from ${JSON.stringify(join(import.meta.dirname, 'download.ts'))};
    await download(${JSON.stringify(what)}, new AbortController().signal);`;
  try {
    const run = await execa(process.execPath, ['--input-type=module', '-e', program], { env });
    expect([run.stderr, asked]).toEqual(['', [what.url]]);
    expect(readFileSync(what.to).equals(CONTENT)).toBe(true);
  } finally {
    proxy.closeAllConnections();
    proxy.close();
  }
});
