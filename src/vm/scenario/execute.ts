/** Runs one scenario: its machine, its steps one after the other, and a result for each. */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { now } from '../../env.ts';
import { OsmithError, toOsmithError } from '../../errors.ts';
import { generateKey } from '../../pattern/index.ts';
import type { Acceleration } from '../accel.ts';
import { openGuest, openShell, type Guest } from '../guest.ts';
import type { Image } from '../image.ts';
import { oneTimeLogin } from '../login.ts';
import type { Tools } from '../tools.ts';
import { allowReset } from '../qmp.ts';
import { imageBuild } from '../publish/release.ts';
import { serveReleases, urlForGuests } from '../publish/server.ts';
import { startVm, type Vm } from '../vm.ts';
import { holdContainer } from './container.ts';
import { recordDisk } from './disk.ts';
import { diskFile, prepareMachine, recordedDisks, withoutMedium, type MachineDefaults } from './machine.ts';
import { removeReleases } from './serve.ts';
import { STEP_KINDS } from './steps.ts';
import {
  hasMachine,
  type DiskName,
  type DiskRecord,
  type MachineScenario,
  type Scenario,
  type ScenarioContext,
  type ScenarioStep,
} from './types.ts';

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
  /** Where the console's logs are, one of each time that the machine was switched on. */
  logs: string[];
}

export interface ScenarioRun {
  image: Image;
  tools: Tools;
  /** Programs that builds use: opened when they are first needed. */
  buildTools: () => Promise<Tools>;
  /** What runs machines; there may be none. */
  acceleration?: Acceleration;
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
  await rm(dir, { recursive: true, force: true });
  await mkdir(dir, { recursive: true });
  const start = now();
  const result = { scenario, ok: true, ms: 0, steps: [] as StepResult[], logs: [] as string[] };
  const held = hold(scenario, { ...run, dir }, result.logs);
  try {
    for (const step of scenario.steps) {
      run.onStep?.(scenario, step);
      const outcome = await runStep(step, held.act);
      run.signal.throwIfAborted();
      result.steps.push(outcome);
      if (outcome.error === undefined) continue;
      result.ok = false;
      // A check that failed says nothing about the next one; a system that is not there fails them all.
      if (outcome.error.code !== 'E_TEST' || STEP_KINDS[step.kind]!.goOn !== true) break;
    }
  } finally {
    await held.release();
  }
  return { ...result, ms: now() - start };
}

interface Held {
  act: (step: ScenarioStep) => Promise<void>;
  release: () => Promise<void>;
}

/** The machine or the container that the steps are about. */
function hold(scenario: Scenario, run: ScenarioRun, logs: string[]): Held {
  if (!hasMachine(scenario)) {
    const { context, release } = holdContainer(run, logs);
    return { release, act: async ({ kind, params }) => STEP_KINDS[kind]!.inContainer!(context, params) };
  }
  const { acceleration } = run;
  if (acceleration === undefined)
    throw new OsmithError('E_INTERNAL', 'Nothing was opened that runs machines');
  const { context, release } = holdMachine(scenario, { ...run, acceleration }, logs);
  return { release, act: async ({ kind, params }) => STEP_KINDS[kind]!.run(context, params) };
}

async function runStep(step: ScenarioStep, act: Held['act']): Promise<StepResult> {
  const start = now();
  try {
    await act(step);
    return { name: step.name, ms: now() - start };
  } catch (thrown) {
    return { name: step.name, ms: now() - start, error: toOsmithError(thrown) };
  }
}

/** The scenario's machine through its steps, and what it shares with the test. */
function holdMachine(
  scenario: MachineScenario,
  run: ScenarioRun & { acceleration: Acceleration },
  logs: string[],
): { context: ScenarioContext; release: () => Promise<void> } {
  const { image, tools, dir, signal } = run;
  const login = oneTimeLogin();
  const keys = { own: generateKey('ed25519', 'test'), stranger: generateKey('ed25519', 'test') };
  let vm: Vm | undefined;
  let guest: Guest | undefined;
  let restarts = { count: 0, allowed: false };
  const before = new Map<DiskName, DiskRecord>();
  const made = new Map<string, Promise<unknown>>();
  const once: ScenarioContext['once'] = async (key, make) => {
    if (!made.has(key)) made.set(key, make(made.size));
    return made.get(key) as ReturnType<typeof make>;
  };
  const names = new Map<string, string>();
  const server = async () => once('server', serveReleases);
  const prepared = async () =>
    once('machine', async () => {
      const url = async () => urlForGuests(await server());
      return prepareMachine(scenario, image, { ...run, login, key: keys.own, url });
    });

  const running = (): Vm => {
    if (vm !== undefined && !vm.hasEnded()) return vm;
    throw new OsmithError('E_TEST', 'The machine is off', {
      hint: 'Switch it on with the step `boot` before',
    });
  };
  const context: ScenarioContext = {
    ...{ scenario, image, tools, buildTools: run.buildTools, dir, signal, keys, server, once },
    async start(options) {
      await vm?.stop();
      guest = undefined;
      const { spec } = await prepared();
      for (const which of recordedDisks(scenario))
        before.set(which, await recordDisk({ tools, dir, disk: diskFile(spec, which) }));
      const log = join(dir, logs.length === 0 ? 'console.log' : `console-${logs.length + 1}.log`);
      const started = await startVm(
        tools,
        options.from === undefined ? spec : withoutMedium(spec),
        log,
        signal,
      );
      logs.push(log);
      const counted = (restarts = { count: 0, allowed: options.restarts });
      started.qmp.onEvent(({ event }) => {
        if (event !== 'RESET') return;
        counted.count += 1;
        // What the system before has said must not be taken for what the next one says.
        started.serial.skip();
        guest = undefined;
      });
      if (options.restarts) await allowReset(started.qmp, true);
      return (vm = started);
    },
    vm: running,
    log: () => running().log,
    isOn: () => vm !== undefined && !vm.hasEnded(),
    restarts: () => restarts.count,
    mayRestart: () => restarts.allowed,
    guest: async () => {
      guest ??= image.composed
        ? await openShell(running(), signal)
        : await openGuest(running(), login, signal);
      return guest;
    },
    leaveGuest: () => (guest = undefined),
    disk: async (which = 1) => diskFile((await prepared()).spec, which),
    before: (which) => before.get(which),
    remember: (name, build) => void names.set(name, build),
    builds: async () => new Map([...names, ['same', await imageBuild(image)]]),
  };
  return {
    context,
    async release() {
      await vm?.stop();
      if (made.has('server')) await (await server()).close();
      if (made.has('machine'))
        await prepared()
          .then(async ({ remove }) => remove())
          .catch(() => {}); // failed, and was told
      await removeReleases(dir);
    },
  };
}
