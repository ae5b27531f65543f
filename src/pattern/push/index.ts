/** Pushes: orders for running machines, signed, sent to their agents. docs/agent.md has the protocol. */
import pLimit from 'p-limit';
import { OsmithError, toOsmithError } from '../../errors.ts';
import { dates } from '../claims.ts';
import { signJwt } from '../jwt.ts';
import type { Claims, Json, Key, Pattern, PatternFiles, SignCommand } from '../types.ts';
import type { Host, Trust } from './connect.ts';
import { exchange, parseAnswer, type Order, type PushAnswer, type Reply } from './exchange.ts';

export { parseFingerprint, parseHost, type Host, type Trust } from './connect.ts';
export type { Order, PushAnswer } from './exchange.ts';

/** How long an order holds, in seconds, unless its pattern says: nobody shall be able to repeat it much later. */
const EXPIRES_IN = 3600;
/** Agents read no more. */
const MAX_TOKEN = 16 * 1024 * 1024;

export interface PushResult {
  host: string;
  /** Absent: the machine did not answer, or not as an agent does. */
  answer?: PushAnswer;
  /** Why it cannot be said that all went well there. */
  error?: OsmithError;
}

export interface PushOptions {
  /** What holds for a host. */
  trust: (host: Host) => Trust;
  /** Milliseconds until a host is given up. */
  timeout: number;
  signal: AbortSignal;
  /** How many hosts at once. */
  parallel: number;
  /** Called with each result as it comes. */
  onResult?: (result: PushResult) => void;
}

/** Commands that are given once, as a pattern: each runs, one after the other, and what it prints comes back. */
export function commandPattern(scripts: readonly string[]): PatternFiles {
  const run = scripts.map((change, index) => ({
    ...{ id: `command-${index + 1}`, always: true, change },
    onChange: ['osmith:stdout'],
  }));
  return { entrypoint: 'commands.json', files: { 'commands.json': JSON.stringify({ run }) } };
}

export interface OrderContents {
  files: PatternFiles;
  /** The same, rendered. */
  pattern: Pattern;
  /** Over those of the pattern. */
  runVars?: Record<string, Json>;
  /** In place of those of the pattern. */
  audience?: string[] | undefined;
  /** Name of the token. */
  id: string;
  /** Milliseconds since the Unix epoch. */
  now: number;
}

/** The token of an order. */
export async function signOrder(
  { files, pattern, runVars, audience, id, now }: OrderContents,
  signer: Key | SignCommand,
): Promise<string> {
  const claims: Claims = {
    ...dates(now, pattern.expiresIn ?? EXPIRES_IN),
    ...{
      aud: audience ?? pattern.audience,
      iss: pattern.issuer,
      sub: pattern.subject,
      jti: pattern.id ?? id,
    },
    pattern: files,
    runVars: { ...pattern.runVars, ...runVars },
  };
  return signJwt(claims, signer);
}

/** Sends an order to several machines at once. Throws E_PATTERN, and nothing for what one of them does. */
export async function pushPattern(
  hosts: readonly Host[],
  order: Order,
  options: PushOptions,
): Promise<PushResult[]> {
  if (Buffer.byteLength(order.token) > MAX_TOKEN)
    throw new OsmithError('E_PATTERN', `The pattern is too large: agents take ${MAX_TOKEN} bytes at most`);
  const limit = pLimit(options.parallel);
  const jobs = hosts.map((host) =>
    limit(async (): Promise<PushResult> => {
      const result = await pushTo(host, order, options);
      if (!options.signal.aborted) options.onResult?.(result);
      return result;
    }),
  );
  const results = await Promise.all(jobs);
  options.signal.throwIfAborted();
  return results;
}

async function pushTo(host: Host, order: Order, options: PushOptions): Promise<PushResult> {
  const late = AbortSignal.timeout(options.timeout);
  const signal = AbortSignal.any([options.signal, late]);
  try {
    const answer = answerOf(order, await exchange(host, order, options.trust(host), signal));
    if (answer.err === '') return { host: host.name, answer };
    return { host: host.name, answer, error: new OsmithError('E_COMMAND', `${host.name}: ${answer.err}`) };
  } catch (error) {
    if (late.aborted) return { host: host.name, error: timedOut(host, options.timeout) };
    return { host: host.name, error: describe(host, error) };
  }
}

function timedOut(host: Host, limit: number): OsmithError {
  return new OsmithError('E_NETWORK', `${host.name}: no answer within ${limit / 1000} s`, {
    hint: 'The commands may still be running there; --timeout waits longer',
  });
}

function describe(host: Host, error: unknown): OsmithError {
  if (error instanceof OsmithError) {
    const { code, message, details } = error;
    return new OsmithError(code, `${host.name}: ${message[0]!.toLowerCase()}${message.slice(1)}`, details);
  }
  const { message } = toOsmithError(error);
  return new OsmithError('E_NETWORK', `${host.name}: cannot be reached: ${message}`, { cause: error });
}

/** Throws for what is not an agent's answer to an order that it took. */
function answerOf({ source }: Order, { status, body }: Reply): PushAnswer {
  if (status === 404)
    throw new OsmithError('E_SIGNATURE', `It does not take this order for the source ${source}`, {
      hint: 'The source must exist there with allowPush, and trust the key, audience and date; the agent logs which it was',
    });
  if (status === 429)
    throw new OsmithError('E_NETWORK', 'It gets too many requests', { hint: 'Try again in a while' });
  if (status !== 200) throw new OsmithError('E_NETWORK', `It answers ${status}`);
  return parseAnswer(body);
}
