/** Runs sources one at a time, when it is their turn or when something asks for it, and passes events between them. */
import type { Claims, RaisedEvent } from '../pattern/index.ts';
import { queue } from './queue.ts';
import type { RunOutcome, Source } from './source.ts';

export interface Hub {
  find(name: string): Source | undefined;
  /** The source that a webhook path belongs to. */
  findWebhook(path: string): Source | undefined;
  push(
    source: Source,
    token: string,
    claims: Claims,
    once: boolean,
    signal: AbortSignal,
  ): Promise<RunOutcome>;
  /** `env` says what the reason was. */
  run(source: Source, env: Record<string, string>, signal: AbortSignal): Promise<RunOutcome>;
}

/** Events that come from events end somewhere. */
const DEPTH = 8;

export function hub(
  sources: readonly Source[],
  { log, signal, exit }: { log: (line: string) => void; signal: AbortSignal; exit: (code: number) => void },
): Hub {
  // Commands of two sources may touch the same things.
  const inTurn = queue();

  const matches = (source: Source, event: RaisedEvent) =>
    source.config.eventsReceive.some((text) => new RegExp(`^(?:${text})$`, 'u').test(event.name));

  /** After a run: its events make other sources run; a token among them is for the source itself. */
  const follow = async (from: Source, outcome: RunOutcome, depth: number): Promise<void> => {
    for (const event of outcome.events.filter(({ name }) => name === 'jwt')) {
      try {
        const claims = await from.verify(event.value);
        await follow(from, await from.accept(event.value, claims, { signal }), depth + 1);
      } catch (error) {
        log(`${from.name}: the token that a command made is refused: ${(error as Error).message}`);
      }
    }
    for (const event of outcome.sent) {
      for (const source of sources.filter((other) => other !== from && matches(other, event))) {
        if (depth >= DEPTH) {
          log(`${source.name}: the event ${event.name} is dropped: events have gone round too often`);
          continue;
        }
        const env = {
          OSMITH_EVENT: event.name,
          OSMITH_EVENT_SOURCE: from.name,
          OSMITH_EVENT_VALUE: event.value,
        };
        await follow(source, await source.run(env, signal), depth + 1);
      }
    }
    if (outcome.exit !== undefined) exit(outcome.exit);
  };

  const perform = async (source: Source, job: () => Promise<RunOutcome>): Promise<RunOutcome> =>
    inTurn(async () => {
      const outcome = await job();
      await follow(source, outcome, 0);
      return outcome;
    });

  return {
    find: (name) => sources.find((source) => source.name === name),
    findWebhook: (path) => sources.find((source) => source.config.webhookPaths.includes(path)),
    push: async (source, token, claims, once, abort) =>
      perform(source, async () => source.accept(token, claims, { once, signal: abort })),
    run: async (source, env, abort) => perform(source, async () => source.run(env, abort)),
  };
}
