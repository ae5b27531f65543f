/** The one network service of the system: takes pushes and webhooks, tells metrics. */
import { timingSafeEqual, createHash } from 'node:crypto';
import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { MAX_TOKEN } from '../update/release.ts';
import type { Certificate } from './certificate.ts';
import type { Hub } from './hub.ts';
import type { Metrics } from './metrics.ts';
import type { RunOutcome } from './source.ts';

/** A push that takes longer is stopped, milliseconds. */
const PUSH_LIMIT = 600_000;
/** The body of a webhook becomes a variable, which the kernel limits to 128 KiB. */
const WEBHOOK_BODY = 64 * 1024;
/** Requests that are worked on at once; a push is at most `MAX_TOKEN` in memory. */
const AT_ONCE = 4;

export interface ServerOptions {
  hub: Hub;
  metrics: Metrics;
  metricsKey?: string | undefined;
  /** Whether another request may come now. */
  allow: () => boolean;
  certificate: Pick<Certificate, 'certificate' | 'key'>;
  log: (line: string) => void;
  pushLimit?: number | undefined;
  /** Memory of this process. */
  memory: () => number;
}

interface Answer {
  status: number;
  body?: string;
  type?: string;
}

const NOT_FOUND: Answer = { status: 404 };

class TooLarge extends Error {}

async function bodyOf(request: IncomingMessage, limit: number): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > limit) throw new TooLarge();
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function equal(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

/** What the commands of a push did, for those who push. */
function pushAnswer(
  outcome: Pick<RunOutcome, 'changed' | 'removed' | 'err' | 'events'> & { exit?: number },
): Answer {
  const { changed, removed, err, exit } = outcome;
  const stdout = outcome.events.filter(({ name }) => name === 'stdout').map(({ value }) => value);
  const body = JSON.stringify({ changed, removed, err, exit: exit ?? (err === '' ? 0 : 1), stdout });
  return { status: 200, body, type: 'application/json' };
}

async function push(options: ServerOptions, url: URL, request: IncomingMessage): Promise<Answer> {
  const { hub, log } = options;
  const name = url.pathname.slice('/v1/push/'.length);
  const source = hub.find(name);
  const token = (await bodyOf(request, MAX_TOKEN)).trim();
  // Whoever has no key learns nothing: not even whether there is such a source.
  if (source === undefined || !source.config.allowPush) return NOT_FOUND;
  let claims;
  try {
    claims = await source.verify(token);
  } catch (error) {
    log(`${name}: a push is refused: ${(error as Error).message}`);
    return NOT_FOUND;
  }
  const limit = AbortSignal.timeout(options.pushLimit ?? PUSH_LIMIT);
  try {
    return pushAnswer(await hub.push(source, token, claims, url.searchParams.has('once'), limit));
  } catch (error) {
    const err = limit.aborted ? 'the commands took too long and were stopped' : (error as Error).message;
    return pushAnswer({ changed: [], removed: [], err, events: [] });
  }
}

async function webhook(options: ServerOptions, url: URL, request: IncomingMessage): Promise<Answer> {
  const body = await bodyOf(request, WEBHOOK_BODY);
  const source = options.hub.findWebhook(url.pathname);
  if (source === undefined) return NOT_FOUND;
  const env = {
    OSMITH_WEBHOOK_METHOD: request.method ?? 'GET',
    OSMITH_WEBHOOK_PATH: url.pathname,
    OSMITH_WEBHOOK_QUERY: url.search.slice(1),
    OSMITH_WEBHOOK_BODY: body,
    OSMITH_WEBHOOK_HEADERS: JSON.stringify(request.headers),
  };
  const outcome = await options.hub.run(source, env, AbortSignal.timeout(options.pushLimit ?? PUSH_LIMIT));
  const answer = outcome.events.findLast(({ name }) => name === 'webhookBody')?.value ?? '';
  return { status: outcome.err === '' ? 200 : 500, body: answer, type: 'text/plain; charset=utf-8' };
}

function metricsAnswer(
  { metrics, metricsKey, memory }: ServerOptions,
  url: URL,
  request: IncomingMessage,
): Answer {
  const bearer = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
  const given = bearer ?? url.searchParams.get('key');
  if (metricsKey === undefined || given == null || !equal(given, metricsKey)) return NOT_FOUND;
  metrics.set('osmith_agent_memory_bytes', {}, memory());
  return { status: 200, body: metrics.text(), type: 'text/plain; version=0.0.4' };
}

async function answer(options: ServerOptions, request: IncomingMessage): Promise<Answer> {
  const url = new URL(request.url ?? '/', 'https://agent');
  if (url.pathname === '/v1/metrics' && request.method === 'GET') return metricsAnswer(options, url, request);
  if (url.pathname.startsWith('/v1/push/') && request.method === 'POST') return push(options, url, request);
  return webhook(options, url, request);
}

function send(response: ServerResponse, { status, body = '', type }: Answer): void {
  response.writeHead(status, {
    'content-length': Buffer.byteLength(body),
    ...(type === undefined ? {} : { 'content-type': type }),
  });
  response.end(body);
}

/** A server that is not listening yet. */
export function agentServer(options: ServerOptions): Server {
  const { certificate, metrics, log } = options;
  let working = 0;
  const server = createServer(
    {
      cert: certificate.certificate,
      key: certificate.key,
      minVersion: 'TLSv1.2',
      headersTimeout: 10_000,
      requestTimeout: 60_000,
      keepAliveTimeout: 5_000,
      maxHeaderSize: 16_384,
    },
    (request, response) => {
      const finish = (what: Answer) => {
        metrics.add('osmith_requests_total', { status: String(what.status) });
        send(response, what);
      };
      response.on('error', () => {});
      if (!options.allow() || working >= AT_ONCE) {
        response.setHeader('connection', 'close');
        finish({ status: 429 });
        return;
      }
      working += 1;
      answer(options, request)
        .catch((error: unknown): Answer => {
          if (error instanceof TooLarge) return { status: 413 };
          log(`${request.url}: ${(error as Error).message}`);
          return { status: 500 };
        })
        .then(finish)
        .finally(() => {
          working -= 1;
        })
        .catch(() => {});
    },
  );
  server.maxConnections = 64;
  server.on('tlsClientError', () => {});
  server.on('clientError', (_error, socket) => socket.destroy());
  return server;
}
