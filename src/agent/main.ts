/** The agent's program. `run` is the service; the other commands are for people and for the service that ends a trial. */
import { statSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { now } from '../env.ts';
import { OsmithError, toOsmithError } from '../errors.ts';
import { endTrial } from '../update/confirm.ts';
import { STALL } from '../update/http.ts';
import { runProgram } from '../update/programs.ts';
import { readState } from '../update/read-state.ts';
import { phaseOf } from '../update/slots.ts';
import {
  bootFilesOf,
  runningSystem,
  slotsOf,
  startAgent,
  updaterContext,
  type AgentOptions,
} from './agent.ts';
import type { AgentConfig } from './config.ts';
import { discover } from './discover.ts';
import { metrics } from './metrics.ts';
import { updateOnce } from './updater.ts';

const USAGE = `usage: osmith-agent COMMAND
  run                        find a configuration and do what it says (the service)
  update [--check]           follow the published release once, now
         [--allow-older] [--retry-failed] [--reboot never|now|CALENDAR]
  confirm [--within SECONDS] [-- HEALTH-COMMAND...]
                             end a trial: keep the new system once it is healthy, else fail
  status                     what runs, and what the boot disk holds, as JSON
  version`;

/** Filled in by the build. */
declare const OSMITH_VERSION: string | undefined;
const VERSION = typeof OSMITH_VERSION === 'string' ? OSMITH_VERSION : 'development';

const out = (text: string) => void process.stdout.write(`${text}\n`);

/** All files of an image have the date of its build: so has this program. */
function buildEpoch(): number {
  return Math.floor(statSync(process.execPath).mtimeMs / 1000);
}

function options(signal: AbortSignal): AgentOptions {
  return {
    root: '/',
    metadata: 'http://169.254.169.254',
    http: { fetch, signal, stall: STALL },
    run: runProgram,
    now,
    memory: () => process.memoryUsage.rss(),
    version: VERSION,
    arch: process.arch === 'arm64' ? 'arm64' : 'amd64',
    buildEpoch: buildEpoch(),
    log: out,
    exit: (code) => process.exit(code),
  };
}

const RETRY = { first: 5000, most: 60_000 };

/** Looks for a configuration until there is one: the network or a disk may come later. */
async function findConfig(settings: AgentOptions): Promise<AgentConfig> {
  let said = '';
  for (let wait = RETRY.first; ; wait = Math.min(wait * 2, RETRY.most)) {
    try {
      return await discover(settings);
    } catch (error) {
      settings.http.signal.throwIfAborted();
      const { message } = toOsmithError(error);
      if (message !== said) out(`${message}; looking again from time to time`);
      said = message;
    }
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, wait);
      settings.http.signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
    });
    settings.http.signal.throwIfAborted();
  }
}

async function runService(settings: AgentOptions): Promise<void> {
  const agent = await startAgent(await findConfig(settings), settings);
  await agent.ended;
}

async function runUpdateCommand(settings: AgentOptions, args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      check: { type: 'boolean' },
      'allow-older': { type: 'boolean' },
      'retry-failed': { type: 'boolean' },
      reboot: { type: 'string' },
    },
  });
  const config = await discover(settings);
  if (config.update === undefined) throw new OsmithError('E_AGENT', 'The configuration has no `update`');
  const update = {
    ...config.update,
    checkOnly: values.check ?? config.update.checkOnly,
    allowOlder: values['allow-older'] ?? config.update.allowOlder,
    retryFailed: values['retry-failed'] ?? config.update.retryFailed,
    reboot: values.reboot ?? config.update.reboot,
  };
  const running = await runningSystem(settings.root);
  const slots = slotsOf(settings, running, bootFilesOf(settings, config, running));
  await updateOnce(updaterContext(settings, config, { running, slots, metrics: metrics() }), update);
}

/** Where the boot partition is may be configured; a trial must end without a configuration, too. */
async function ownSlots(settings: AgentOptions) {
  const running = await runningSystem(settings.root);
  return { running, slots: slotsOf(settings, running, bootFilesOf(settings, undefined, running)) };
}

async function runConfirm(settings: AgentOptions, args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args,
    options: { within: { type: 'string', default: '600' } },
    allowPositionals: true,
  });
  const { running, slots } = await ownSlots(settings);
  if (!running.trial) return out('this system is not on trial');
  const health = positionals.length > 0 ? positionals : ['systemctl', 'is-system-running', '--wait'];
  const trial = { health, within: Number(values.within) * 1000, interval: 5000 };
  await endTrial({ running, slots, run: settings.run, signal: settings.http.signal, log: out }, trial);
}

async function runStatus(settings: AgentOptions): Promise<void> {
  const { running, slots } = await ownSlots(settings);
  if (running.slot === undefined) return out(JSON.stringify({ version: VERSION, running }, null, 2));
  const own = { ...running, slot: running.slot };
  const state = await slots.readOnly(async (store) => readState(store, own, true));
  out(JSON.stringify({ version: VERSION, phase: phaseOf(state), ...state }, null, 2));
}

async function main([command, ...args]: string[]): Promise<void> {
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());
  const settings = options(stop.signal);
  try {
    if (command === 'run') await runService(settings);
    else if (command === 'update') await runUpdateCommand(settings, args);
    else if (command === 'confirm') await runConfirm(settings, args);
    else if (command === 'status') await runStatus(settings);
    else if (command === 'version') out(VERSION);
    else {
      process.stderr.write(`${USAGE}\n`);
      process.exitCode = 2;
    }
  } catch (error) {
    if (stop.signal.aborted) return;
    const { message, details, exitCode } = toOsmithError(error);
    process.stderr.write(
      `osmith-agent: ${message}\n${details.hint === undefined ? '' : `${details.hint}\n`}`,
    );
    process.exitCode = exitCode;
  }
}

void main(process.argv.slice(2));
