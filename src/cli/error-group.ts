/** The hooks that run when a build has failed, each told what happened and given the log. */
import { readFile } from 'node:fs/promises';
import type { Config } from '../config/index.ts';
import { toOsmithError, type OsmithError } from '../errors.ts';
import { now } from '../env.ts';
import { variantName } from '../plan/assemble.ts';
import { errorSteps } from '../plan/hooks.ts';
import { buildName } from '../plan/name.ts';
import { sourceInput } from '../plan/source.ts';
import { toolsSteps, type Tools } from '../plan/tools.ts';
import type { Step } from '../plan/types.ts';
import type { Emit } from '../report/events.ts';
import { inside } from '../report/inside.ts';
import { checkCredentials } from '../run/credentials.ts';
import { knownSecrets, mask } from '../run/mask.ts';
import { runPlan } from '../run/scheduler.ts';
import type { Result, Store } from '../run/store.ts';
import { targetPlace } from './globals.ts';

export interface Failure {
  config: Config;
  store: Store;
  error: OsmithError;
  /** Log of the whole build. */
  log: string;
  /** What the build had made until then. */
  results: Map<string, Result>;
  credentials: string;
  emit: Emit;
  signal: AbortSignal;
}

/** Not failures of the build: it was not to run, could not begin, or was not to go on. */
const QUIET = ['E_USAGE', 'E_STAGE', 'E_LOCK', 'E_INTERRUPTED'];

/** If the tools are what failed, the programs of this machine have to do. */
function toolsOf({ config, results }: Failure): Tools {
  if (results.size === 0) return {};
  const { tools } = toolsSteps(config, config.attributes['arch']!);
  return tools.tools !== undefined && results.has(tools.tools) ? tools : {};
}

function told(failure: Failure): Parameters<typeof errorSteps>[1] {
  const { error, log } = failure;
  const { step = '', log: stepLog } = error.details;
  const file = (path: string) => sourceInput('/', path);
  return {
    inputs: { log: file(log), ...(stepLog === undefined ? {} : { 'step-log': file(stepLog) }) },
    env: {
      OSMITH_ERROR_CODE: error.code,
      OSMITH_ERROR_MESSAGE: error.message,
      OSMITH_ERROR_STEP: step,
      OSMITH_LOG: '/in/log',
      OSMITH_STEP_LOG: stepLog === undefined ? '' : '/in/step-log',
    },
    ...toolsOf(failure),
  };
}

async function runHook(step: Step, failure: Failure): Promise<void> {
  const { config, store, results, credentials, emit, signal } = failure;
  const plan = { name: 'error', variant: variantName(config), steps: [step], artifacts: [] };
  await checkCredentials(plan, credentials);
  await runPlan(plan, {
    ...{ store, workspace: config.workspace, results, credentials, signal },
    emit: inside(emit),
    again: () => true,
  });
}

/** Publishes the log where the configuration says so. */
async function publishLog({ config, log, credentials, emit, signal }: Failure): Promise<void> {
  const configured = config.find('error', 'target')?.trim() ?? '';
  if (configured === '') return;
  const { publishFailure } = await import('../release/failure.ts');
  const secrets = await knownSecrets(config, credentials);
  const place = await publishFailure({
    ...{ target: targetPlace(configured, config.workspace), name: buildName(config), time: now(), signal },
    log: Buffer.from(mask(await readFile(log, 'utf8'), secrets)),
  });
  emit({ type: 'note', text: `The log is in ${place}` });
}

/** Runs all hooks of the group; one that fails is told and keeps none of the others from running. */
export async function runErrorGroup(failure: Failure): Promise<void> {
  const { config, error, emit } = failure;
  if (QUIET.includes(error.code)) return;
  const warned = (thrown: unknown) => emit({ type: 'warning', text: toOsmithError(thrown).message });
  try {
    for (const step of errorSteps(config, told(failure)).steps) {
      await runHook(step, failure).catch(warned);
    }
  } catch (thrown) {
    warned(thrown); // even the log could not be written
  }
  await publishLog(failure).catch(warned);
}
