/** `osmith test`: boots the built image in virtual machines and runs scenarios. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Option, type Command } from 'commander';
import type { Config } from '../config/index.ts';
import { now } from '../env.ts';
import { OsmithError } from '../errors.ts';
import type { Emit } from '../report/events.ts';
import { inside } from '../report/inside.ts';
import { count, styleFor } from '../report/style.ts';
import { requireHost } from '../run/host.ts';
import { acceleration, type Acceleration } from '../vm/accel.ts';
import { machineBudget, OVERHEAD } from '../vm/budget.ts';
import { unsupported } from '../vm/firmware.ts';
import { findArtifact, openImage, type Image } from '../vm/image.ts';
import type { Accel } from '../vm/machine.ts';
import { hostArch, toolsSteps } from '../plan/tools.ts';
import { openTools, openVmTools, type OpenTools } from '../vm/sandbox-tools.ts';
import { runScenario, type ScenarioResult, type ScenarioRun } from '../vm/scenario/execute.ts';
import { loadScenario, scenarioNames } from '../vm/scenario/load.ts';
import { neededArtifacts, sizeOf, type MachineDefaults } from '../vm/scenario/machine.ts';
import { runPool } from '../vm/scenario/pool.ts';
import { hasMachine, type Scenario } from '../vm/scenario/types.ts';
import { REPORTS } from '../plan/name.ts';
import { globals, reporterFor, type GlobalOptions } from './globals.ts';
import { interruption } from './signals.ts';
import { reportAsJunit } from './test-junit.ts';
import { renderReport, reportAsJson, type Skipped, type TestReport } from './test-report.ts';
import { addVariantOptions, loadVariant } from './variant.ts';

interface TestOptions {
  out: string;
  scenario?: string[];
  accel: 'auto' | Accel;
  junit?: string;
}

/** What runs the guests; `vm` has the same option. */
export function accelOption(): Option {
  return new Option('--accel <how>', 'what runs the guest').choices(['auto', 'kvm', 'tcg']).default('auto');
}

export function register(program: Command): void {
  const command = program.command('test').description('boot the built image and run scenarios');
  addVariantOptions(command)
    .option('--out <dir>', 'where `build` put the artifacts', 'out')
    .option(
      '--scenario <name>',
      'run this scenario (repeatable); default: all that fit the image',
      collect,
      [],
    )
    .addOption(accelOption())
    .option('--junit <file>', 'write the results as JUnit XML, too')
    .action(async (_branch: string | undefined, options: TestOptions) => test(command, options));
}

function collect(value: string, previous: string[] = []): string[] {
  return [...previous, value];
}

/** What a configuration says about machines. */
export function machineDefaults(config: Config): MachineDefaults {
  return {
    memory: Math.ceil(config.size('vm', 'memory') / 2 ** 20),
    cpus: config.int('vm', 'cpus'),
    cmdline: config.list('image', 'cmdline').join(' '),
  };
}

/** Why a scenario is not for this image; undefined if it is. */
export function unfit(scenario: Scenario, image: Image): string | undefined {
  if (!scenario.arch.includes(image.arch)) return `it is not for ${image.arch}`;
  const missing = neededArtifacts(scenario).find((name) => findArtifact(image, name) === undefined);
  if (missing !== undefined) return `the build made no .${missing}`;
  if (!hasMachine(scenario)) return undefined;
  if (image.unsigned && scenario.firmware === 'uefi-secure') return 'nobody has signed its kernel';
  return unsupported(image.arch, scenario.firmware);
}

/** Those that were named, else those of the configuration, else all; the last two as far as they fit the image. */
async function chooseScenarios(
  { workspace, localdir }: GlobalOptions,
  config: Config,
  image: Image,
  named: string[],
): Promise<{ chosen: Scenario[]; skipped: Skipped[] }> {
  const workspaces = [...(localdir === undefined ? [] : [localdir]), workspace];
  const configured = config.list('vm', 'scenarios');
  const names = [named, configured].find((list) => list.length > 0) ?? (await scenarioNames(workspaces));
  const scenarios = await Promise.all([...new Set(names)].map((name) => loadScenario(name, workspaces)));
  const judged = scenarios.map((scenario) => ({ scenario, why: unfit(scenario, image) }));
  const skipped = judged.filter((each): each is Skipped => each.why !== undefined);
  const [first] = skipped;
  if (named.length > 0 && first !== undefined) {
    throw new OsmithError('E_USAGE', `Scenario ${first.scenario.name} cannot be run: ${first.why}`);
  }
  const chosen = judged.filter(({ why }) => why === undefined).map(({ scenario }) => scenario);
  if (chosen.length > 0) return { chosen, skipped };
  throw new OsmithError('E_TEST', `No scenario fits ${image.name}`, {
    hint: 'Scenarios are files in scenarios/ of the workspace',
  });
}

/** Steps after which a machine starts. */
const STARTS = ['boot', 'reboot', 'restarted'];

/** Runs them side by side, telling reporters as if each were a step. */
function runAll(
  scenarios: Scenario[],
  run: ScenarioRun,
  emit: Emit,
  budget: { memory: number; cpus: number },
) {
  const one = async (scenario: Scenario): Promise<ScenarioResult> => {
    const about = { step: scenario.name, stage: 'test' };
    emit({ type: 'step-start', ...about, summary: scenario.description });
    const result = await runScenario(scenario, {
      ...run,
      onStep: (_, step) => emit({ type: 'step-progress', step: scenario.name, text: step.name }),
    });
    const failure = result.steps.find(({ error }) => error !== undefined)?.error;
    if (failure === undefined) emit({ type: 'step-end', ...about, ms: result.ms });
    else {
      const { code, message } = failure;
      emit({ type: 'step-failed', ...about, ms: result.ms, code, message });
    }
    return result;
  };
  // Long ones first: the short ones fill the gaps at the end. Starting takes longer than all the rest.
  const starts = ({ steps }: Scenario) => steps.filter(({ kind }) => STARTS.includes(kind)).length;
  const ordered = scenarios.toSorted((a, b) => starts(b) - starts(a) || b.steps.length - a.steps.length);
  const jobs = ordered.map((scenario) => {
    const { memory, cpus } = sizeOf(scenario, run.defaults);
    return { cost: { memory: memory + OVERHEAD, cpus }, run: () => one(scenario) };
  });
  return runPool(jobs, budget);
}

/** One error that carries those of all scenarios. */
function failure(results: ScenarioResult[]): OsmithError | undefined {
  const errors = results.flatMap(({ scenario, steps }) =>
    steps.flatMap(({ error }) =>
      error === undefined
        ? []
        : new OsmithError(error.code, `${scenario.name}: ${error.message}`, error.details),
    ),
  );
  const failed = results.filter(({ ok }) => !ok).length;
  if (errors.length === 0) return undefined;
  if (errors.length === 1) return errors[0];
  const message = `${failed} of ${count(results.length, 'scenario')} failed`;
  return new OsmithError('E_TEST', message, { also: errors });
}

async function writeJunit(file: string, report: TestReport): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, reportAsJunit(report));
  } catch (error) {
    throw new OsmithError('E_OUT', `Cannot write ${file}: ${(error as Error).message}`, { cause: error });
  }
}

/** Programs that builds use: opened when they are first needed. */
function lazily(open: () => Promise<OpenTools>) {
  let opening: Promise<OpenTools> | undefined;
  return {
    tools: async () => (await (opening ??= open())).tools,
    close: async () => (await opening?.catch(() => undefined))?.close(),
  };
}

interface Runner extends OpenTools {
  /** Absent: no scenario needs a machine. */
  accel?: Acceleration;
}

/** What runs the scenarios: for those without a machine neither QEMU nor its firmware is fetched. */
async function openRunner(
  config: Config,
  image: Image,
  chosen: Scenario[],
  { accel }: TestOptions,
  emit: Emit,
): Promise<Runner> {
  const running = { emit, signal: interruption };
  if (!chosen.some(hasMachine)) return openTools(config, toolsSteps(config, image.arch), running);
  const opened = await openVmTools(config, running);
  try {
    const kernel = findArtifact(image, 'vmlinuz');
    return { ...opened, accel: await acceleration(opened.tools, image.arch, kernel, accel) };
  } catch (error) {
    await opened.close();
    throw error;
  }
}

async function test(command: Command, options: TestOptions): Promise<void> {
  const config = loadVariant(command);
  const global = globals(command);
  const image = await openImage(resolve(options.out));
  const { chosen, skipped } = await chooseScenarios(global, config, image, options.scenario ?? []);
  await requireHost();
  const reporter = reporterFor(global);
  const dir = join(image.dir, REPORTS);
  await mkdir(dir, { recursive: true });
  let report: TestReport;
  try {
    const { tools, close, accel } = await openRunner(config, image, chosen, options, reporter.emit);
    const builders = lazily(async () =>
      openTools(config, toolsSteps(config, hostArch()), {
        emit: inside(reporter.emit),
        signal: interruption,
      }),
    );
    try {
      const start = now();
      reporter.emit({ type: 'run-start', total: chosen.length });
      const run = {
        ...{ image, tools, buildTools: builders.tools, dir, signal: interruption },
        ...{ defaults: machineDefaults(config), ...(accel && { acceleration: accel }) },
      };
      const results = await runAll(chosen, run, reporter.emit, await machineBudget());
      const ok = results.every((result) => result.ok);
      reporter.emit({ type: 'run-end', ok, ms: now() - start, ran: results.length, cached: 0 });
      report = { image: image.name, acceleration: accel?.text, results, skipped };
    } finally {
      await builders.close();
      await close();
    }
  } finally {
    reporter.close();
  }
  const json = reportAsJson(report);
  await writeFile(join(dir, 'report.json'), `${JSON.stringify(json, null, 2)}\n`);
  if (options.junit !== undefined) await writeJunit(resolve(options.junit), report);
  process.stdout.write(
    global.json ? `${JSON.stringify(json)}\n` : renderReport(report, styleFor(process.stdout)),
  );
  const error = failure(report.results);
  if (error !== undefined) throw error;
}
