/** Sends an order to the agent in a machine, over a forwarded port of this one. */
import { setTimeout as sleep } from 'node:timers/promises';
import { now } from '../../env.ts';
import { exchange, parseAnswer, type Order, type PushAnswer } from '../../pattern/push/exchange.ts';

export interface PushReply {
  status: number;
  /** Absent: the agent said nothing but its status. */
  answer?: PushAnswer;
}

/** The certificate is made anew at each start of the agent, and the machine is ours: what counts is the token's signature. */
const TRUST = { insecure: true };

/** Milliseconds between tries. */
const PAUSE = 1000;

/** Sends it as soon as somebody answers. Throws the last failure when nobody does in time. */
export async function pushToken(
  port: number,
  order: Order,
  { seconds, signal }: { seconds: number; signal: AbortSignal },
): Promise<PushReply> {
  const host = { name: 'the machine', address: '127.0.0.1', port };
  const end = now() + seconds * 1000;
  for (;;) {
    try {
      const limit = AbortSignal.timeout(Math.max(1, end - now()));
      const { status, body } = await exchange(host, order, TRUST, AbortSignal.any([signal, limit]));
      return status === 200 ? { status, answer: parseAnswer(body) } : { status };
    } catch (error) {
      signal.throwIfAborted();
      if (now() + PAUSE >= end) throw error;
      await sleep(PAUSE, undefined, { signal });
    }
  }
}
