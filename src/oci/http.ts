/** Requests to a registry: retried when it is worth it, authorised when it asks for that (OCI distribution specification). */
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { OsmithError } from '../errors.ts';
import { findCredentials, type Credentials } from './auth.ts';

export interface Patience {
  /** Milliseconds to wait before each further attempt. */
  delays: number[];
  /** Milliseconds without any data after which a connection is given up. */
  stall: number;
}

export const PATIENT: Patience = { delays: [500, 1500, 4000], stall: 30_000 };

/** Client errors that pass: timeout, too early, too many requests. */
const PASSING = [408, 425, 429];

/** An answer that says no. */
export class HttpError extends Error {
  readonly status: number;
  constructor(status: number, url: string) {
    super(`${url} answers ${status}`);
    this.status = status;
  }
}

export function isFinal(error: unknown): boolean {
  if (error instanceof OsmithError) return true;
  return error instanceof HttpError && error.status < 500 && !PASSING.includes(error.status);
}

/** Runs something until it succeeds, fails for good, or patience ends; then its last error is thrown. */
export async function retrying<T>(
  work: () => Promise<T>,
  { delays }: Patience,
  signal: AbortSignal,
): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      const delay = delays[tries];
      if (delay === undefined || isFinal(error)) throw error;
      await sleep(delay, undefined, { signal });
    }
  }
}

/** `Bearer realm="…",service="…"` as scheme and parameters. */
export function parseChallenge(header: string): { scheme: string; parameters: Record<string, string> } {
  const [, scheme = '', rest = ''] = /^\s*(\w+)\s*(.*)$/.exec(header) ?? [];
  const pairs = [...rest.matchAll(/(\w+)=(?:"([^"]*)"|([^\s,]+))/g)];
  const parameters = Object.fromEntries(
    pairs.map(([, key, quoted, bare]) => [key!.toLowerCase(), quoted ?? bare!]),
  );
  return { scheme: scheme.toLowerCase(), parameters };
}

/** `fetch`, with what it needs loaded when the first request is made: most commands make none. */
export const request: typeof fetch = async (...asked) => {
  await import('../connections.ts');
  return fetch(...asked);
};

const tokenAnswer = z.looseObject({ token: z.string().optional(), access_token: z.string().optional() });

function basic({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

function isLoopback(host: string): boolean {
  return /^(?:localhost|127(?:\.\d+){3}|\[::1\])(?::\d+)?$/.test(host);
}

/** Base URL of a registry. Only the machine itself is spoken to without TLS. */
export function registryUrl(registry: string): string {
  if (registry === 'docker.io') return 'https://registry-1.docker.io';
  return `${isLoopback(registry) ? 'http' : 'https'}://${registry}`;
}

/** Fetches a token where the challenge says. Secrets only go to a place with TLS, or to this machine. */
async function fetchToken(
  parameters: Record<string, string>,
  credentials: Credentials | undefined,
  signal: AbortSignal,
): Promise<string> {
  const realm = new URL(parameters['realm'] ?? '');
  const unsafe = realm.protocol !== 'https:' && !isLoopback(realm.host);
  const secret = unsafe ? undefined : credentials;
  const query = ['service', 'scope'].flatMap((key) => (parameters[key] ? [[key, parameters[key]]] : []));
  const body = new URLSearchParams(query as [string, string][]);
  let response: Response;
  if (secret?.identityToken !== undefined) {
    body.set('grant_type', 'refresh_token');
    body.set('refresh_token', secret.identityToken);
    body.set('client_id', 'osmith');
    response = await request(realm, { method: 'POST', body, signal });
  } else {
    for (const [key, value] of body) realm.searchParams.set(key, value);
    const headers = secret === undefined ? {} : { authorization: basic(secret) };
    response = await request(realm, { headers, signal });
  }
  if (!response.ok) throw new HttpError(response.status, realm.origin);
  const answer = tokenAnswer.parse(await response.json());
  return `Bearer ${answer.token ?? answer.access_token ?? ''}`;
}

/** A server and a repository there, with the authorisation that was granted. */
export interface Session {
  get(path: string, headers: Record<string, string>, signal: AbortSignal): Promise<Response>;
  /** Other requests; a path is one of the repository, or what a `location` said. A stream as body is sent once. */
  send(path: string, request: Sending, signal: AbortSignal): Promise<Response>;
}

type SentOrGot = Omit<Sending, 'method'> & { method: Sending['method'] | 'GET' };

export interface Sending {
  method: 'HEAD' | 'POST' | 'PUT';
  headers?: Record<string, string>;
  body?: Buffer | ReadableStream;
}

/** Opens nothing yet: asks for authorisation when the server first demands it. `host` names the credentials. */
export function openSession(base: string, host: string, repository: string): Session {
  let authorization: Promise<string> | undefined;

  async function authorise(response: Response, signal: AbortSignal): Promise<string> {
    const { scheme, parameters } = parseChallenge(response.headers.get('www-authenticate') ?? '');
    // A mirror may be without TLS; then it gets no secrets.
    const exposed = base.startsWith('http:') && !isLoopback(new URL(base).host);
    const credentials = exposed ? undefined : await findCredentials(host, repository);
    if (scheme === 'bearer') return fetchToken(parameters, credentials, signal);
    if (scheme === 'basic' && credentials !== undefined) return basic(credentials);
    throw new HttpError(401, base);
  }

  async function send(
    path: string,
    { method, headers, body }: SentOrGot,
    signal: AbortSignal,
  ): Promise<Response> {
    const url = /^(?:https?:|\/)/.test(path) ? new URL(path, base).href : `${base}/v2/${repository}/${path}`;
    const before = authorization;
    const granted = await before?.catch(() => undefined);
    const attempt = (token: string | undefined) =>
      request(url, {
        ...{ method, signal, headers: token === undefined ? headers : { ...headers, authorization: token } },
        ...(body === undefined ? {} : { body, duplex: 'half' }),
      } as RequestInit);
    // What a location leads to on another host is none of the registry's business, and its token none of theirs.
    const own = new URL(url).origin === new URL(base).origin;
    let response = await attempt(own ? granted : undefined);
    if (response.status === 401 && own && !(body instanceof ReadableStream)) {
      await response.body?.cancel();
      // Whoever comes first asks; a token that has expired is asked for again.
      if (authorization === before) authorization = authorise(response, signal);
      response = await attempt(await authorization);
    }
    if (response.ok) return response;
    await response.body?.cancel();
    throw new HttpError(response.status, url);
  }

  const get: Session['get'] = (path, headers, signal) => send(path, { method: 'GET', headers }, signal);
  return { get, send };
}
