/** Puts the agent together: configuration, sources, server, update. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AddressInfo } from 'node:net';
import { OsmithError } from '../errors.ts';
import { readClaims, type Claims, type Exec } from '../pattern/index.ts';
import { espBootFiles, type BootFiles } from '../update/esp.ts';
import { espSlots } from '../update/esp-slots.ts';
import { gptSlots } from '../update/gpt-machine.ts';
import { readRunning } from '../update/read-state.ts';
import { verifyAt } from '../update/release.ts';
import { checkRebootPolicy } from '../update/reboot.ts';
import type { SlotAccess } from '../update/slot-store.ts';
import type { Running } from '../update/slots.ts';
import { selfSigned } from './certificate.ts';
import type { AgentConfig, SourceConfig } from './config.ts';
import type { Surroundings } from './discover.ts';
import { hub, type Hub } from './hub.ts';
import { metrics, type Metrics } from './metrics.ts';
import { rateLimit } from './rate-limit.ts';
import { repeat } from './schedule.ts';
import { agentServer } from './server.ts';
import { source, type Source } from './source.ts';
import { bootDiskState, directoryState, type StateStore } from './state.ts';
import { updateOnce, type UpdaterContext } from './updater.ts';

export interface AgentOptions extends Surroundings {
  now: () => number;
  memory: () => number;
  version: string;
  /** Of the machine, such as `amd64`. */
  arch: string;
  /** Date of the system's build, seconds since 1970. */
  buildEpoch: number;
  /** Ends the program, when a command asks for it. */
  exit: (code: number) => void;
  /** Boot files, in place of those on the EFI system partition: for tests. */
  boot?: BootFiles | undefined;
}

/** Label that builds give the EFI system partition. */
export const ESP_LABEL = 'OSMITH';

export async function runningSystem(root: string): Promise<Running> {
  return readRunning(await readFile(join(root, 'proc/cmdline'), 'utf8').catch(() => ''));
}

/** Boot files of the machine. */
export function bootFilesOf(
  options: AgentOptions,
  config: AgentConfig | undefined,
  running: Running,
): BootFiles {
  const { run, root } = options;
  const machine = {
    ...{ run, root, label: ESP_LABEL, mountPoint: join(root, 'run/osmith/boot') },
    device: config?.bootDevice,
  };
  return options.boot ?? espBootFiles(machine, running);
}

/** Where the machine's two systems are. */
export function slotsOf(options: AgentOptions, running: Running, boot: BootFiles): SlotAccess {
  return running.root === undefined ? espSlots(boot) : gptSlots(options.root, options.run);
}

type Keys = { verifyKeys?: string[] | undefined; jwtRule?: string | undefined };

/** Verifies with the keys of a source, or of the agent. */
function verifier(options: AgentOptions, config: AgentConfig) {
  const commands = config.verifyCommands.map((argv) => ({ argv }));
  return async (keys: Keys, token: string, at?: number, epoch = options.buildEpoch): Promise<Claims> =>
    verifyAt(token, readClaims, {
      keys: [...(keys.verifyKeys ?? config.verifyKeys), ...commands],
      now: at ?? options.now(),
      audience: config.audience,
      rule: keys.jwtRule,
      buildEpoch: epoch,
    });
}

export function updaterContext(
  options: AgentOptions,
  config: AgentConfig,
  parts: { running: Running; slots: SlotAccess; metrics: Metrics },
): UpdaterContext {
  const verify = verifier(options, config);
  return {
    ...parts,
    arch: options.arch,
    http: options.http,
    run: options.run,
    lock: join(options.root, 'run/osmith/update.lock'),
    verify: async (token, epoch) =>
      verify(config.update ?? {}, token, undefined, Math.max(epoch, options.buildEpoch)),
    log: (line) => options.log(`update: ${line}`),
  };
}

function stateOf(config: AgentConfig, running: Running, boot: BootFiles, root: string): StateStore {
  const usual = running.root !== undefined ? '/persist/osmith' : '/var/lib/osmith';
  const inMemory = running.slot !== undefined && running.root === undefined;
  const choice = config.state ?? (inMemory ? 'boot-disk' : usual);
  return choice === 'boot-disk' ? bootDiskState(boot) : directoryState(join(root, choice));
}

async function certificateOf(config: AgentConfig, log: (line: string) => void) {
  const { certificate, key } = config.listen;
  if (certificate !== undefined && key !== undefined) {
    return { certificate: await readFile(certificate, 'utf8'), key: await readFile(key, 'utf8') };
  }
  const made = selfSigned('osmith-agent');
  log(`made a certificate with the fingerprint ${made.fingerprint}`);
  return made;
}

/** Nothing listens unless something was configured that needs it. */
function needsServer(config: AgentConfig): boolean {
  const sources = Object.values(config.sources);
  return (
    config.metricsKey !== undefined ||
    sources.some(({ allowPush, webhookPaths }) => allowPush || webhookPaths.length > 0)
  );
}

async function listen(
  config: AgentConfig,
  options: AgentOptions,
  parts: { hub: Hub; metrics: Metrics },
): Promise<{ port: number; close(): void } | undefined> {
  if (!needsServer(config)) return undefined;
  const { address, port, rate, burst } = config.listen;
  const server = agentServer({
    ...parts,
    metricsKey: config.metricsKey,
    allow: rateLimit(rate, burst, options.now),
    certificate: await certificateOf(config, options.log),
    log: options.log,
    memory: options.memory,
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new OsmithError('E_AGENT', `Cannot listen on port ${port}: ${cause.message}`, { cause })),
    );
    server.listen(port, address, resolve);
  });
  const used = (server.address() as AddressInfo).port;
  options.log(`listening on port ${used}`);
  return {
    port: used,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

export interface Agent {
  /** Where it listens; undefined: nowhere. */
  port: number | undefined;
  metrics: Metrics;
  /** Resolves when all that was under way has ended after the signal. */
  ended: Promise<void>;
}

/** Starts everything that a configuration asks for. */
export async function startAgent(config: AgentConfig, options: AgentOptions): Promise<Agent> {
  const { http, log, root, now } = options;
  const { signal } = http;
  if (config.update !== undefined) await checkRebootPolicy(options.run, config.update.reboot);
  const running = await runningSystem(root);
  const boot = bootFilesOf(options, config, running);
  const numbers = metrics();
  numbers.set('osmith_agent_info', { version: options.version, build: running.build ?? '' }, 1);
  const verify = verifier(options, config);
  const context = {
    ...{ http, now, log, metrics: numbers, state: stateOf(config, running, boot, root) },
    exec: config.exec as Exec | undefined,
    verify: async (own: SourceConfig, token: string, at?: number) => verify(own, token, at),
  };
  const sources = Object.entries(config.sources).map(([name, own]): Source => source(name, own, context));
  for (const one of sources) await one.restore();
  const all = hub(sources, { log, signal, exit: options.exit });
  const server = await listen(config, options, { hub: all, metrics: numbers });
  signal.addEventListener('abort', () => server?.close());
  const failed = (name: string) => (error: Error) => log(`${name}: ${error.message}`);
  const loops = sources.map(async (one) => {
    const rhythm = { every: one.config.runFrequencySec, delay: one.config.runRandomDelaySec };
    await repeat(rhythm, async () => all.run(one, {}, signal), {
      ...{ signal, late: false, failed: failed(one.name) },
    });
  });
  if (config.update !== undefined) {
    const update = config.update;
    const updater = updaterContext(options, config, {
      running,
      slots: slotsOf(options, running, boot),
      metrics: numbers,
    });
    const rhythm = { every: update.runFrequencySec, delay: update.runRandomDelaySec };
    loops.push(
      repeat(rhythm, async () => updateOnce(updater, update), {
        ...{ signal, late: true, failed: failed('update') },
      }),
    );
  }
  // With nothing to repeat, the server alone keeps the process.
  const stopped = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  return {
    port: server?.port,
    metrics: numbers,
    ended: Promise.all([stopped, ...loops]).then(() => {}),
  };
}
