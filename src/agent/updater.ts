/** The built-in source `update`: follows a published release. */
import type { Claims } from '../pattern/index.ts';
import { lockFile } from '../run/lock.ts';
import type { Http } from '../update/http.ts';
import type { RunProgram } from '../update/programs.ts';
import { readState } from '../update/read-state.ts';
import { arrangeReboot, cancelReboot } from '../update/reboot.ts';
import type { SlotAccess } from '../update/slot-store.ts';
import { phaseOf, type Decision, type Phase, type Running } from '../update/slots.ts';
import { runUpdate, type UpdateReport } from '../update/update.ts';
import type { UpdateConfig } from './config.ts';
import type { Metrics } from './metrics.ts';

export interface UpdaterContext {
  running: Running;
  /** Of the machine. */
  arch: string;
  slots: SlotAccess;
  http: Http;
  run: RunProgram;
  metrics: Metrics;
  /** One update at a time, also between processes. */
  lock: string;
  verify: (token: string, epoch: number) => Promise<Claims>;
  log: (line: string) => void;
  delays?: readonly number[] | undefined;
}

/** `osmith_deb_amd64` with another variant. */
export function withVariant(name: string, variant: string | undefined): string {
  if (variant === undefined) return name;
  const parts = name.split('_');
  return [...parts.slice(0, -2), variant, parts.at(-1)!].join('_');
}

/** The name of the build that runs, as its slot says. */
async function runningName({ slots, running }: UpdaterContext): Promise<string> {
  if (running.slot === undefined) return '';
  const slot = running.slot;
  const state = await slots.readOnly(async (store) => readState(store, { ...running, slot }, false));
  // The files may be gone from the disk while the system runs: then the other slot has a name at least.
  const systems = [state.slots[slot], state.slots.a, state.slots.b];
  return systems.find(({ system }) => system !== undefined)?.system?.name ?? '';
}

export async function readPhase({
  slots,
  running,
}: Pick<UpdaterContext, 'slots' | 'running'>): Promise<Phase> {
  if (running.slot === undefined) return 'steady';
  const slot = running.slot;
  return phaseOf(await slots.readOnly(async (store) => readState(store, { ...running, slot }, false)));
}

export function describeDecision(decision: Decision): string {
  switch (decision.action) {
    case 'nothing':
      return `nothing to do: ${decision.reason}`;
    case 'refuse':
      return `the published release is refused: ${decision.reason}`;
    case 'repair':
      return `the boot files of slot ${decision.slot} were missing or damaged`;
    case 'install':
      return `another release is published; it goes to slot ${decision.slot}`;
    case 'activate':
      return `another release is published; slot ${decision.slot} has it already`;
    case 'withdraw':
      return 'the published release is the running system again';
  }
}

/** One run, with what follows from it. Throws what went wrong, after it was counted. */
export async function updateOnce(context: UpdaterContext, config: UpdateConfig): Promise<UpdateReport> {
  const { metrics, log, run, slots, running } = context;
  const lock = await lockFile(context.lock, {
    wait: true,
    onWait: () => log('another update is running: waiting for it'),
    signal: context.http.signal,
  });
  try {
    const name = config.name ?? withVariant(await runningName(context), config.variant);
    const request = { ...config, name, url: config.url.replace(/\/+$/, '') };
    const report = await runUpdate(context, request);
    log(describeDecision(report.decision));
    metrics.add('osmith_updates_total', { result: report.decision.action });
    metrics.add('osmith_update_downloaded_bytes_total', {}, report.traffic.remote);
    if (report.decision.action === 'withdraw') await cancelReboot(run);
    if (report.reboot) log(await arrangeReboot(run, config.reboot));
    return report;
  } catch (error) {
    metrics.add('osmith_updates_total', { result: 'failed' });
    throw error;
  } finally {
    await lock?.release();
    const phase = await readPhase({ slots, running }).catch(() => undefined);
    metrics.clear('osmith_update_phase');
    if (phase !== undefined) metrics.set('osmith_update_phase', { phase }, 1);
  }
}
