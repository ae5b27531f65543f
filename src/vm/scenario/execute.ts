/** Runs one scenario: its machine, its steps one after the other, and a result for each. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { now } from '../../env.ts';
import { OsmithError, toOsmithError } from '../../errors.ts';
import type { Acceleration } from '../accel.ts';
import { openGuest, type Guest } from '../guest.ts';
import type { Image } from '../image.ts';
import { oneTimeLogin } from '../login.ts';
import type { Tools } from '../tools.ts';
import { startVm, type Vm } from '../vm.ts';
import { prepareMachine, type MachineDefaults } from './machine.ts';
import { STEP_KINDS } from './steps.ts';
import type { Scenario, ScenarioContext, ScenarioStep } from './types.ts';

export interface StepResult {
  name: string;
  ms: number;
  /** Why it failed. */
  error?: OsmithError;
}

export interface ScenarioResult {
  scenario: Scenario;
  ok: boolean;
  ms: number;
  /** Those that ran. */
  steps: StepResult[];
  /** Where the console's log is. */
  log: string;
}

export interface ScenarioRun {
  image: Image;
  tools: Tools;
  acceleration: Acceleration;
  defaults: MachineDefaults;
  /** Where scenarios keep their logs, each in its own directory. */
  dir: string;
  signal: AbortSignal;
  /** Called before each step. */
  onStep?: (scenario: Scenario, step: ScenarioStep) => void;
}

/** Runs a scenario. Throws only when the run as a whole is over, such as by ^C. */
export async function runScenario(scenario: Scenario, run: ScenarioRun): Promise<ScenarioResult> {
  const dir = join(run.dir, scenario.name);
  await mkdir(dir, { recursive: true });
  const log = join(dir, 'console.log');
  const start = now();
  const result = { scenario, ok: true, ms: 0, steps: [] as StepResult[], log };
  const machine = holdMachine(scenario, { ...run, dir }, log);
  try {
    for (const step of scenario.steps) {
      run.onStep?.(scenario, step);
      const outcome = await runStep(step, machine.context);
      run.signal.throwIfAborted();
      result.steps.push(outcome);
      if (outcome.error === undefined) continue;
      result.ok = false;
      // A check that failed says nothing about the next one; a system that is not there fails them all.
      if (outcome.error.code !== 'E_TEST' || STEP_KINDS[step.kind]!.goOn !== true) break;
    }
  } finally {
    await machine.release();
  }
  return { ...result, ms: now() - start };
}

async function runStep(step: ScenarioStep, context: ScenarioContext): Promise<StepResult> {
  const start = now();
  try {
    await STEP_KINDS[step.kind]!.run(context, step.params);
    return { name: step.name, ms: now() - start };
  } catch (thrown) {
    return { name: step.name, ms: now() - start, error: toOsmithError(thrown) };
  }
}

/** The scenario's machine through its steps. */
function holdMachine(
  scenario: Scenario,
  run: ScenarioRun,
  log: string,
): { context: ScenarioContext; release(): Promise<void> } {
  const { image, tools, dir, signal } = run;
  const login = oneTimeLogin();
  const cleanup: (() => Promise<void>)[] = [];
  let vm: Vm | undefined;
  let guest: Guest | undefined;

  const running = (): Vm => {
    if (vm !== undefined && !vm.hasEnded()) return vm;
    throw new OsmithError('E_TEST', 'The machine is off', {
      hint: 'Switch it on with the step `boot` before',
    });
  };
  const context: ScenarioContext = {
    ...{ scenario, image, tools, dir, signal },
    async start() {
      await vm?.stop();
      if (cleanup.length === 0) await mkdir(dir, { recursive: true });
      const prepared = await prepareMachine(scenario, image, { ...run, login });
      cleanup.push(prepared.remove);
      return (vm = await startVm(tools, prepared.spec, log, signal));
    },
    vm: running,
    guest: async () => (guest ??= await openGuest(running(), login, signal)),
    leaveGuest: () => (guest = undefined),
  };
  return {
    context,
    async release() {
      await vm?.stop();
      for (const remove of cleanup) await remove();
    },
  };
}
