/** Runs a plan: every step once its inputs are there, several at a time, none whose result the store has. */
import { availableParallelism } from 'node:os';
import pLimit from 'p-limit';
import { now } from '../env.ts';
import { OsmithError, toOsmithError } from '../errors.ts';
import { isStepInput, type Plan, type Step } from '../plan/types.ts';
import type { Emit } from '../report/events.ts';
import { stepCode } from '../steps/registry.ts';
import type { Environment, Job } from './context.ts';
import { executeStep } from './execute.ts';
import { forgetRun, lastRun, rememberParts } from './history.ts';
import { keyParts, stepKey } from './key.ts';
import { takeResult } from './recorded.ts';
import { cleanStale, lazyScratch } from './scratch.ts';
import { lookup, type Result, type Store } from './store.ts';

export interface RunOptions {
  store: Store;
  workspace: string;
  emit: Emit;
  signal: AbortSignal;
  /** Runs these steps again though the store has their results, to see what is new outside. */
  again?: (step: Step) => boolean;
  /** Results that are there already, by step id; those of this run are added. */
  results?: Map<string, Result>;
  /** A store of the same file system that is asked for what steps got from the network, before they ask again. */
  recorded?: Store;
  /** Directory of the user's credentials. */
  credentials?: string;
  onFailure?: (job: Job, error: OsmithError, environment: Environment) => Promise<void>;
}

/** Steps that a step waits for. */
export function dependencies(step: Step): string[] {
  const ids = Object.values(step.inputs).flatMap((input) => (isStepInput(input) ? [input.step] : []));
  return [...new Set(step.tools === undefined ? ids : [...ids, step.tools])];
}

/** Runs all steps; results by step id. The first failure stops the others and is thrown. */
export async function runPlan(plan: Plan, options: RunOptions): Promise<Map<string, Result>> {
  const { store, emit } = options;
  const start = now();
  const results = options.results ?? new Map<string, Result>();
  const failed = new AbortController();
  const signal = AbortSignal.any([options.signal, failed.signal]);
  const limit = pLimit(Math.max(2, availableParallelism()));
  const scratch = lazyScratch(store, signal);
  let ran = 0;
  let cached = 0;

  async function environment(): Promise<Environment> {
    const { workspace, credentials } = options;
    const dir = await scratch.dir();
    return { store, scratch: dir, workspace, results, signal, ...(credentials && { credentials }) };
  }

  /** What is there already. */
  async function known(step: Step, key: string): Promise<Result | undefined> {
    const found = await lookup(store, key);
    if ('result' in found) return found.result;
    const { recorded } = options;
    return step.network === true && recorded ? takeResult(recorded, store, key) : undefined;
  }

  async function runOne(step: Step): Promise<void> {
    signal.throwIfAborted();
    const parts = keyParts(step, stepCode(step), results, plan.epoch);
    if (parts === undefined)
      throw new OsmithError('E_INTERNAL', `An input of ${step.id} names an output that no step makes`);
    const key = stepKey(parts);
    const undone = step.outside === true && (await lastRun(store, plan, step))?.key !== key;
    const again = undone || (options.again?.(step) ?? false);
    const found = again ? undefined : await known(step, key);
    if (found !== undefined) {
      results.set(step.id, found);
      cached += 1;
      emit({ type: 'step-cached', step: step.id, stage: step.stage });
      await rememberParts(store, plan, step, { parts, key, ms: found.ms });
      return;
    }
    const env = await environment();
    // Half done, what is outside is neither as it was nor as it should be.
    if (step.outside) await forgetRun(store, plan, step);
    const { onFailure } = options;
    const done = await executeStep(env, {
      ...{ plan, step, key, parts, emit, again },
      ...(onFailure && { onFailure: (job, error) => onFailure(job, error, env) }),
    });
    results.set(step.id, done.result);
    if (done.ran) ran += 1;
    else {
      cached += 1;
      emit({ type: 'step-cached', step: step.id, stage: step.stage });
    }
  }

  emit({ type: 'run-start', total: plan.steps.length });
  const running = new Map<string, Promise<void>>();
  for (const step of plan.steps) {
    const before = dependencies(step).flatMap((id) => running.get(id) ?? []);
    running.set(
      step.id,
      Promise.all(before).then(() => limit(() => runOne(step))),
    );
  }
  const all = [...running.values()];
  let first: unknown;
  for (const promise of all)
    promise.catch((error: unknown) => {
      first ??= error;
      failed.abort();
    });
  await Promise.allSettled(all);
  if ((await scratch.release()) && !options.signal.aborted) await cleanStale(store);
  emit({ type: 'run-end', ok: first === undefined, ms: now() - start, ran, cached });
  if (options.signal.aborted)
    throw new OsmithError('E_INTERRUPTED', 'Stopped; the store keeps what was finished');
  if (first !== undefined) throw toOsmithError(first);
  return results;
}
