/** Runs one step whose key has no result yet. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { now, uniqueName } from '../env.ts';
import { OsmithError, toOsmithError } from '../errors.ts';
import type { Plan, Step } from '../plan/types.ts';
import type { Emit } from '../report/events.ts';
import { loadKind } from '../steps/registry.ts';
import { readSecrets } from './credentials.ts';
import { makeContext, type Environment, type Job } from './context.ts';
import { storeOutput } from './output.ts';
import { lastRun, rememberParts } from './history.ts';
import { fileName, type KeyParts } from './key.ts';
import { lockFile } from './lock.ts';
import { openLog } from './log.ts';
import { removeTree } from './scratch.ts';
import { lookup, saveResult, type Result } from './store.ts';

export interface Execution {
  plan: Plan;
  step: Step;
  key: string;
  parts: KeyParts;
  emit: Emit;
  /** Run even if the store has a result. */
  again: boolean;
  /** Called with the failed step's environment still in place. */
  onFailure?: (job: Job, error: OsmithError) => Promise<void>;
}

/**
 * Makes a step's result, or takes the one that another process made meanwhile. `ran` says which.
 * Throws the step's error with its log attached.
 */
export async function executeStep(
  environment: Environment,
  execution: Execution,
): Promise<{ result: Result; ran: boolean }> {
  const { store, signal } = environment;
  const { step, key, emit, again } = execution;
  const lock = await lockFile(join(store.dir, 'locks', key), {
    wait: true,
    signal,
    onWait: () => emit({ type: 'waiting', step: step.id, reason: 'another build makes the same' }),
  });
  try {
    const found = again ? undefined : await lookup(store, key);
    if (found !== undefined && 'result' in found) return { result: found.result, ran: false };
    return { result: await runStep(environment, execution), ran: true };
  } finally {
    await lock?.release();
  }
}

async function runStep(environment: Environment, execution: Execution): Promise<Result> {
  const { plan, step, key, parts, emit, onFailure } = execution;
  const { store, scratch, signal } = environment;
  const kind = await loadKind(step.kind);
  // For what it fetches by itself.
  if (step.network === true) await import('../connections.ts');
  const params = kind.params.safeParse(step.params);
  if (!params.success) {
    throw new OsmithError(
      'E_INTERNAL',
      `${step.id}: ${params.error.issues.map((issue) => issue.message).join(', ')}`,
    );
  }
  emit({ type: 'step-start', step: step.id, stage: step.stage, summary: kind.summary(params.data) });
  const dir = join(scratch, `${fileName(step.id)}-${uniqueName()}`);
  await mkdir(dir, { recursive: true });
  const { credentials = [] } = step;
  const secrets = credentials.length === 0 ? [] : await readSecrets(environment.credentials!, credentials);
  const logFile = join(store.dir, 'logs', `${fileName(step.id)}-${key.slice(0, 12)}.log`);
  const log = openLog(logFile, step.id, emit, secrets);
  const lastKey = (await lastRun(store, plan, step))?.key;
  const job: Job = { step, key, epoch: parts.epoch, dir, log, secrets, lastKey };
  const start = now();
  try {
    const context = await makeContext(environment, job, params.data);
    const output = await kind.run(context);
    signal.throwIfAborted();
    const result = await storeOutput(environment, job, output, now() - start);
    await saveResult(store, result);
    await rememberParts(store, plan, step, { parts, key, ms: result.ms });
    emit({ type: 'step-end', step: step.id, stage: step.stage, ms: result.ms });
    return result;
  } catch (cause) {
    const error = withLog(cause, step, log, signal);
    const ms = now() - start;
    emit({
      ...{ type: 'step-failed', step: step.id, stage: step.stage, ms },
      ...{ code: error.code, message: error.message },
    });
    await onFailure?.(job, error);
    throw error;
  } finally {
    await log.close();
    await removeTree(dir);
  }
}

/** The error, and those that came with it, with the places that they are about. */
function withPlaces(error: OsmithError, step: Step): OsmithError {
  const { about, where = about === undefined ? undefined : step.origins?.[about], also } = error.details;
  if (where === undefined && also === undefined) return error;
  const others = also?.map((each) => withPlaces(each, step));
  return new OsmithError(error.code, error.message, { ...error.details, where, also: others });
}

/** The error of a step, naming the step and its log. */
function withLog(
  cause: unknown,
  step: Step,
  log: { file: string; tail(): string[] },
  signal: AbortSignal,
): OsmithError {
  if (signal.aborted) return new OsmithError('E_INTERRUPTED', `${step.id} was stopped`);
  const error = withPlaces(toOsmithError(cause), step);
  return new OsmithError(error.code, `${step.id}: ${error.message}`, {
    cause: error.code === 'E_INTERNAL' ? cause : undefined,
    ...error.details,
    step: step.id,
    tail: error.details.tail ?? log.tail(),
    log: error.details.log ?? log.file,
  });
}
