/** Sends a token to an agent, over a forwarded port of this machine. */
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { now } from '../../env.ts';

const answerSchema = z.object({
  changed: z.array(z.string()),
  removed: z.array(z.string()),
  err: z.string(),
  exit: z.number(),
});
export type PushAnswer = z.infer<typeof answerSchema>;

export interface PushReply {
  status: number;
  /** Absent: the agent said nothing but its status. */
  answer?: PushAnswer;
}

export interface PushTarget {
  port: number;
  source: string;
  once: boolean;
}

/** One try. The certificate is made anew at each start of the agent: what counts is the token's signature. */
async function post({ port, source, once }: PushTarget, token: string, signal: AbortSignal) {
  return new Promise<PushReply>((resolve, reject) => {
    const path = `/v1/push/${source}${once ? '?once' : ''}`;
    const call = request(
      { host: '127.0.0.1', port, path, method: 'POST', rejectUnauthorized: false, signal },
      (response) => {
        text(response).then((body) => {
          const status = response.statusCode ?? 0;
          resolve(status === 200 ? { status, answer: answerSchema.parse(JSON.parse(body)) } : { status });
        }, reject);
      },
    );
    call.on('error', reject);
    call.end(token);
  });
}

/** Milliseconds between tries. */
const PAUSE = 1000;

/** Sends it as soon as somebody answers. Throws the last failure when nobody does in time. */
export async function pushToken(
  target: PushTarget,
  token: string,
  { seconds, signal }: { seconds: number; signal: AbortSignal },
): Promise<PushReply> {
  const end = now() + seconds * 1000;
  for (;;) {
    try {
      const limit = AbortSignal.timeout(Math.max(1, end - now()));
      return await post(target, token, AbortSignal.any([signal, limit]));
    } catch (error) {
      signal.throwIfAborted();
      if (now() + PAUSE >= end) throw error;
      await sleep(PAUSE, undefined, { signal });
    }
  }
}
