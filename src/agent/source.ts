/** A source of patterns: takes tokens, runs their commands, remembers the last one. */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  render,
  runCommands,
  type Claims,
  type CommandList,
  type Exec,
  type Json,
  type RaisedEvent,
  type RunReport,
} from '../pattern/index.ts';
import type { SourceConfig } from './config.ts';
import type { Metrics } from './metrics.ts';
import { pull } from './pull.ts';
import type { Http } from '../update/http.ts';
import type { StateStore } from './state.ts';

export interface SourceContext {
  http: Http;
  now: () => number;
  state: StateStore;
  metrics: Metrics;
  log: (line: string) => void;
  /** Throws for a token that does not verify for this source; `at`: the time that counts. */
  verify: (source: SourceConfig, token: string, at?: number) => Promise<Claims>;
  exec?: Exec | undefined;
}

/** What the commands of a run learn in variables. */
export type RunEnv = Record<string, string>;

export interface RunOutcome extends RunReport {
  /** Events for other sources. */
  sent: RaisedEvent[];
}

export interface Source {
  readonly name: string;
  readonly config: SourceConfig;
  /** Runs what was accepted before the machine was restarted. */
  restore(): Promise<void>;
  /** Takes a token whose claims were verified. `once`: it changes nothing about what the source holds. */
  accept(
    token: string,
    claims: Claims,
    options: { once?: boolean; signal?: AbortSignal },
  ): Promise<RunOutcome>;
  /** Pulls if there is something to pull, and runs what there is. */
  run(env?: RunEnv, signal?: AbortSignal): Promise<RunOutcome>;
  verify(token: string): Promise<Claims>;
}

/** Milliseconds that a run waits for its token to be kept. */
const SAVE_WAIT = 10_000;

const NOTHING: RunOutcome = { changed: [], removed: [], err: '', events: [], results: [], sent: [] };

/** Values of run variables, as scripts see them. */
function asEnv(vars: Record<string, Json>): RunEnv {
  const entries = Object.entries(vars).filter(([name]) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name));
  return Object.fromEntries(
    entries.map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]),
  );
}

export function source(name: string, config: SourceConfig, context: SourceContext): Source {
  const { http, state, metrics, log, now } = context;
  const say = (line: string) => log(`${name}: ${line}`);
  let current: { token: string; claims: Claims; list: CommandList } | undefined;
  /** Set by the event `runVar_NAME`, for later runs. */
  const learned: RunEnv = {};
  const sends = config.eventsSend.map((text) => new RegExp(`^(?:${text})$`, 'u'));

  const listOf = async (claims: Claims): Promise<CommandList> => {
    if (claims.pattern === undefined) return { commands: [] };
    const pattern = await render(claims.pattern, { ...claims.runVars, ...config.vars });
    const exec = [context.exec, config.exec as Exec | undefined, pattern.runExec];
    return { commands: pattern.run, exec: exec.filter((level) => level !== undefined) };
  };

  const fixed: CommandList = {
    commands: config.commands,
    exec: [context.exec, config.exec as Exec | undefined].filter((level) => level !== undefined),
  };

  const perform = async (
    list: CommandList,
    previous: CommandList | undefined,
    env: RunEnv,
    signal?: AbortSignal,
  ): Promise<RunReport> =>
    runCommands({
      ...list,
      mode: config.checkOnly ? 'check' : 'change',
      previous: config.noRemove || config.checkOnly ? undefined : previous,
      env: { ...env, ...asEnv(config.vars), ...learned },
      signal,
      emit: (event) => {
        if (event.type === 'end') say(`${event.phase} of ${event.id} ended with ${event.exit}`);
      },
    });

  const finish = (reports: RunReport[]): RunOutcome => {
    const last = reports.find(({ err }) => err !== '') ?? reports.at(-1)!;
    const events = reports.flatMap((report) => report.events);
    for (const event of events) {
      const variable = /^runVar_(.+)$/.exec(event.name)?.[1];
      if (variable !== undefined) learned[variable] = event.value;
      if (event.name === 'stdout') say(event.value);
    }
    const outcome: RunOutcome = {
      ...last,
      changed: reports.flatMap(({ changed }) => changed),
      removed: reports.flatMap(({ removed }) => removed),
      events,
      results: reports.flatMap(({ results }) => results),
      sent: events.filter((event) => sends.some((pattern) => pattern.test(event.name))),
    };
    const labels = { source: name };
    metrics.add('osmith_runs_total', labels);
    metrics.add('osmith_run_failures_total', labels, outcome.err === '' ? 0 : 1);
    metrics.add('osmith_changes_total', labels, outcome.changed.length + outcome.removed.length);
    metrics.set('osmith_last_run_timestamp_seconds', labels, Math.floor(now() / 1000));
    metrics.set('osmith_last_run_ok', labels, outcome.err === '' ? 1 : 0);
    if (outcome.err !== '') say(outcome.err);
    return outcome;
  };

  const runBoth = async (
    next: CommandList | undefined,
    previous: CommandList | undefined,
    env: RunEnv,
    signal?: AbortSignal,
  ): Promise<RunOutcome> => {
    const reports: RunReport[] = [];
    if (fixed.commands.length > 0) reports.push(await perform(fixed, undefined, env, signal));
    if (next !== undefined && reports.every(({ err }) => err === ''))
      reports.push(await perform(next, previous, env, signal));
    return reports.length === 0 ? NOTHING : finish(reports);
  };

  const accept: Source['accept'] = async (token, claims, { once, signal }) => {
    const list = await listOf(claims);
    const vars = asEnv(claims.runVars ?? {});
    if (once === true) return finish([await perform(list, undefined, vars, signal)]);
    const previous = current?.list;
    // Before it runs: a machine that is restarted halfway goes on where it was.
    if (current?.token !== token) {
      const saved = state.save(name, { token, at: now() }).catch((error: unknown) => {
        say(`the token cannot be kept: ${(error as Error).message}`);
      });
      // An update may use the disk for long: then it is kept when that is over.
      await Promise.race([saved, sleep(SAVE_WAIT, undefined, { ref: false })]);
    }
    current = { token, claims, list };
    return runBoth(list, previous, vars, signal);
  };

  return {
    name,
    config,
    accept,
    verify: async (token) => context.verify(config, token),
    restore: async () => {
      if (config.noRestore) return;
      const kept = await state.load(name).catch((error: unknown) => {
        say(`what was kept cannot be read: ${(error as Error).message}`);
        return undefined;
      });
      if (kept === undefined) return;
      try {
        const claims = await context.verify(config, kept.token, kept.at);
        current = { token: kept.token, claims, list: await listOf(claims) };
        say('goes on with the token that was accepted before');
      } catch (error) {
        say(`the token that was accepted before is not used: ${(error as Error).message}`);
      }
    },
    run: async (env = {}, signal) => {
      const pulled = await pull(
        http,
        config.pullPaths,
        async (token) => {
          const claims = await context.verify(config, token);
          if ((claims.iat ?? 0) < (current?.claims.iat ?? 0))
            throw new Error('it is older than the one that is in use');
          return claims;
        },
        (path, error) => {
          metrics.add('osmith_pulls_total', { source: name, result: 'failed' });
          say(`${path}: ${error.message}`);
        },
      );
      if (pulled !== undefined) {
        metrics.add('osmith_pulls_total', { source: name, result: 'ok' });
        if (pulled.token !== current?.token) {
          say(`new token from ${pulled.from}`);
          return accept(pulled.token, pulled.claims, signal === undefined ? {} : { signal });
        }
      }
      return runBoth(current?.list, undefined, { ...asEnv(current?.claims.runVars ?? {}), ...env }, signal);
    },
  };
}
