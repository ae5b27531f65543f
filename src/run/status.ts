/** What a run of a plan would do, without doing it. */
import type { Plan, Step } from '../plan/types.ts';
import { stepCode } from '../steps/registry.ts';
import { lastRun } from './history.ts';
import { firstDifference, keyParts, stepKey } from './key.ts';
import { dependencies } from './scheduler.ts';
import { lookup, type Result, type Store } from './store.ts';

export interface StepStatus {
  step: Step;
  /** `maybe`: only if what comes before it turns out differently. */
  status: 'cached' | 'run' | 'maybe';
  /** Why it will or may run. */
  reason: string;
  /** How long it took last time, milliseconds. */
  ms?: number;
  /** Bytes of what it made, if it is in the store. */
  size?: number;
}

/** Bytes of all that a result holds. */
export function resultSize(result: Result): number {
  const blobs = [
    ...Object.values(result.files),
    ...Object.values(result.sets).flatMap((set) => Object.values(set)),
    // Lower layers belong to the steps before.
    ...Object.values(result.trees).flatMap((tree) => tree.layers.slice(-1)),
  ];
  return blobs.reduce((sum, blob) => sum + blob.size, 0);
}

/** The status of every step, in the plan's order. `asked` are those that will run whatever the store has. */
export async function planStatus(
  store: Store,
  plan: Plan,
  asked: (step: Step) => boolean = () => false,
): Promise<StepStatus[]> {
  const results = new Map<string, Result>();
  const statuses: StepStatus[] = [];
  for (const step of plan.steps) {
    const last = await lastRun(store, plan, step);
    const timing = last === undefined ? {} : { ms: last.ms };
    const parts = keyParts(step, stepCode(step), results, plan.epoch);
    if (parts === undefined) {
      const cause = dependencies(step).find((id) => !results.has(id))!;
      const status = last === undefined ? 'run' : 'maybe';
      const reason = last === undefined ? 'never built here' : `if ${cause} makes something else`;
      statuses.push({ step, status, reason, ...timing });
      continue;
    }
    const key = stepKey(parts);
    const found = await lookup(store, key);
    if ('result' in found) {
      results.set(step.id, found.result);
      const size = resultSize(found.result);
      const repeated = asked(step)
        ? 'asked for'
        : step.outside && last?.key !== key
          ? 'something else was done since'
          : undefined;
      if (repeated === undefined) statuses.push({ step, status: 'cached', reason: '', ...timing, size });
      else statuses.push({ step, status: 'run', reason: repeated, ...timing, size });
    } else {
      const why = firstDifference(step, last?.parts, parts);
      const reason = found.missing === 'damaged' ? 'its result in the store is damaged' : why;
      statuses.push({ step, status: 'run', reason, ...timing });
    }
  }
  return statuses;
}
