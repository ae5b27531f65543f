/** One order to one agent: the request and its answer. */
import { request } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { OsmithError } from '../../errors.ts';
import { connect, type Host, type Trust } from './connect.ts';

/** Milliseconds. */
const CONNECT_LIMIT = 15_000;
/** Answers name commands; what is longer comes from something else. */
const MAX_ANSWER = 16 * 1024 * 1024;

const answerSchema = z.object({
  changed: z.array(z.string()),
  removed: z.array(z.string()),
  err: z.string(),
  exit: z.int(),
  /** What commands printed that have `onChange: ['osmith:stdout']`. */
  stdout: z.array(z.string()).default([]),
});

export type PushAnswer = z.infer<typeof answerSchema>;

export interface Order {
  /** Signed. */
  token: string;
  /** Name of the source that it is for, in the agent's configuration. */
  source: string;
  /** The machine keeps what it had, and forgets this when it is done. */
  once: boolean;
}

/** What answers, be it an agent or not. */
export interface Reply {
  /** Of HTTP. */
  status: number;
  body: string;
}

/** Sends an order once the machine has proved who it is. Throws when there is no answer. */
export async function exchange(host: Host, order: Order, trust: Trust, signal: AbortSignal): Promise<Reply> {
  const connecting = AbortSignal.timeout(CONNECT_LIMIT);
  const socket = await connect(host, trust, AbortSignal.any([signal, connecting])).catch((error: unknown) => {
    if (connecting.aborted && !signal.aborted)
      throw new Error(`no connection within ${CONNECT_LIMIT / 1000} s`);
    throw error;
  });
  const body = Buffer.from(order.token);
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const out = request(
        {
          method: 'POST',
          path: `/v1/push/${encodeURIComponent(order.source)}${order.once ? '?once' : ''}`,
          headers: { host: `${host.address}:${host.port}`, 'content-length': body.length },
          createConnection: () => socket,
          signal,
        },
        resolve,
      );
      out.on('error', reject);
      out.end(body);
    });
    return { status: response.statusCode ?? 0, body: await bodyOf(response) };
  } finally {
    socket.destroy();
  }
}

async function bodyOf(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > MAX_ANSWER) throw new OsmithError('E_NETWORK', 'It sends too much for an answer');
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

/** The answer to an order that was taken. Throws E_NETWORK for anything else. */
export function parseAnswer(body: string): PushAnswer {
  try {
    return answerSchema.parse(JSON.parse(body));
  } catch (cause) {
    throw new OsmithError('E_NETWORK', 'What answers there is not an agent', { cause });
  }
}
