/** What the two slots hold, which of them runs, and what follows from a release. Pure functions over plain data. */
import { otherSlot, type BootEnvironment, type Slot, type SlotSystem } from '../disk/boot-slots.ts';

/** The running system, as its kernel command line says. */
export interface Running {
  /** Absent: it was not started from a slot, such as over the network. */
  slot?: Slot | undefined;
  build?: string | undefined;
  /** The partition that its root file system is on; absent: that is in memory. */
  root?: string | undefined;
  /** Whether it has yet to prove itself. */
  trial: boolean;
}

/** A slot as it lies on the disk. */
export interface SlotState {
  /** What its slot.cfg says; absent: it is not complete. */
  system?: SlotSystem | undefined;
  /** Whether its files are what slot.cfg says. */
  intact: boolean;
}

export interface BootState {
  running: Running & { slot: Slot };
  environment: BootEnvironment;
  slots: Record<Slot, SlotState>;
}

export type Phase =
  /** The chosen system runs. */
  | 'steady'
  /** Another system waits to be tried at the next boot. */
  | 'pending'
  /** The running system is the one to be tried. */
  | 'trial'
  /** The system that was tried did not come up. */
  | 'failed'
  /** The chosen slot could not be started. */
  | 'fallback';

export function phaseOf({ running, environment }: Pick<BootState, 'running' | 'environment'>): Phase {
  const { slot, trial, unproven } = environment;
  if (running.slot !== slot) return running.trial ? 'trial' : 'fallback';
  if (trial?.slot === otherSlot(slot)) return 'pending';
  return unproven === otherSlot(slot) ? 'failed' : 'steady';
}

/** What a release is compared by. */
export interface ReleaseIdentity {
  build: string;
  epoch: number;
  issued: number;
}

export interface UpdatePolicy {
  /** Accept what is older than what runs. */
  allowOlder: boolean;
  /** Try once more what did not come up. */
  retryFailed: boolean;
}

export type Decision =
  | { action: 'nothing'; reason: string }
  /** The files of the running system are missing or damaged on the disk. */
  | { action: 'repair'; slot: Slot }
  | { action: 'install'; slot: Slot }
  /** The files are there already: only to be tried. */
  | { action: 'activate'; slot: Slot }
  /** A system that waits to be tried was withdrawn. */
  | { action: 'withdraw' }
  | { action: 'refuse'; reason: string };

/** Whether a release is older than a system: by the date of the build, then by the date of its token. */
export function isOlder(release: ReleaseIdentity, than: ReleaseIdentity): boolean {
  if (release.epoch !== than.epoch) return release.epoch < than.epoch;
  return release.issued > 0 && release.issued < than.issued;
}

/** What to do about a release that verified. */
export function decide(state: BootState, release: ReleaseIdentity, policy: UpdatePolicy): Decision {
  const { running, slots } = state;
  const phase = phaseOf(state);
  const other = otherSlot(running.slot);
  const own = slots[running.slot].system;
  if (phase === 'trial')
    return { action: 'nothing', reason: 'the running system has yet to be confirmed itself' };
  if (release.build === running.build) {
    if (!slots[running.slot].intact) return { action: 'repair', slot: running.slot };
    if (phase === 'pending') return { action: 'withdraw' };
    return { action: 'nothing', reason: 'the running system is the published one' };
  }
  if (own !== undefined && own.build === running.build && !policy.allowOlder && isOlder(release, own))
    return { action: 'refuse', reason: 'it is older than the running system' };
  const there = slots[other];
  if (!there.intact || there.system?.build !== release.build) return { action: 'install', slot: other };
  if (phase === 'pending') return { action: 'nothing', reason: 'it is installed and waits for a reboot' };
  if (phase === 'failed' && !policy.retryFailed)
    return { action: 'refuse', reason: 'it was tried and did not come up' };
  return { action: 'activate', slot: other };
}
