/**
 * Two slots of boot files on the EFI system partition, and the environment block that says which one GRUB starts.
 * Shared by what makes disks and what updates them; the reasoning is in docs/updates.md.
 */
import { createHash } from 'node:crypto';

export const SLOTS = ['a', 'b'] as const;
export type Slot = (typeof SLOTS)[number];

/** GRUB's environment block. */
export const GRUBENV = 'osmith/grubenv';
/** Words that a machine's owner adds to the kernel command line: `set osmith_local="..."`. */
export const LOCAL_CONFIG = 'osmith/local.cfg';
/** The most boots that a new system may get to prove itself: GRUB's shell cannot subtract. */
export const MAX_TRIES = 3;
/** What a system that is on trial gets on its command line: whatever goes wrong starts the machine again. */
export const TRIAL_WORDS = 'osmith.trial=1 osmith.fail=reboot panic=10';

export function otherSlot(slot: Slot): Slot {
  return slot === 'a' ? 'b' : 'a';
}

export function slotDirectory(slot: Slot): string {
  return `osmith/${slot}`;
}

export function slotFile(slot: Slot, file: string): string {
  return `${slotDirectory(slot)}/${file}`;
}

/** Starts the slot's system. It is written last: a slot without it is not complete. */
export function slotConfig(slot: Slot): string {
  return slotFile(slot, 'slot.cfg');
}

/** What the environment block says. */
export interface BootEnvironment {
  /** Slot that is started when none is on trial. */
  slot: Slot;
  /** Slot that is on trial, and how many boots it still has. */
  trial?: { slot: Slot; left: number } | undefined;
  /** Slot whose system was put on trial last; forgotten when it has been confirmed. */
  unproven?: Slot | undefined;
}

const SIGNATURE = '# GRUB Environment Block\n';
const BLOCK = 1024;
/** All variables lie in the first sector, which a disk writes as a whole or not at all. */
const ATOMIC = 512;

/** An environment block: 1024 bytes, padded with '#' (GRUB manual, "Environment block"). */
export function formatEnvironment({ slot, trial, unproven }: BootEnvironment): string {
  const variables = {
    osmith_slot: slot,
    osmith_try: trial?.slot ?? '',
    osmith_left: trial === undefined ? '' : String(trial.left),
    osmith_new: unproven ?? '',
  };
  const lines = Object.entries(variables).map(([name, value]) => `${name}=${value}\n`);
  const text = SIGNATURE + lines.join('');
  if (text.length > ATOMIC) throw new RangeError('the environment block exceeds a sector');
  return text.padEnd(BLOCK, '#');
}

function asSlot(text: string | undefined): Slot | undefined {
  return SLOTS.find((slot) => slot === text);
}

/** What an environment block says; for one that is missing or broken the same as GRUB takes it to say. */
export function parseEnvironment(text: string | undefined): BootEnvironment {
  if (text === undefined || !text.startsWith(SIGNATURE)) return { slot: 'a' };
  const lines = text.slice(SIGNATURE.length).split('\n');
  const values = new Map(
    lines.flatMap((line) => {
      const [, name, value] = /^([a-z_]+)=(.*)$/.exec(line) ?? [];
      return name === undefined ? [] : [[name, value!]];
    }),
  );
  const trial = asSlot(values.get('osmith_try'));
  const left = Number(values.get('osmith_left') || 1);
  const unproven = asSlot(values.get('osmith_new'));
  return {
    slot: asSlot(values.get('osmith_slot')) ?? 'a',
    ...(trial === undefined ? {} : { trial: { slot: trial, left } }),
    ...(unproven === undefined ? {} : { unproven }),
  };
}

/** A file of a slot. */
export interface SlotPart {
  name: string;
  size: number;
  /** Hexadecimal. */
  sha256: string;
}

/** What is in a slot. */
export interface SlotSystem {
  /** Name of the build, such as `osmith_deb_amd64`. */
  name: string;
  /** Identifies the build by its contents, see `buildId`. */
  build: string;
  /** Date of the build, seconds since 1970. */
  epoch: number;
  /** When its token was issued, seconds since 1970; 0: it came with the disk image. */
  issued: number;
  /** Kernel command line. */
  cmdline: string;
  parts: SlotPart[];
}

/** The digest over the digests of the parts: equal for equal systems, however they came here. */
export function buildId(parts: readonly SlotPart[]): string {
  const lines = parts.map(({ name, sha256 }) => `${name} ${sha256}\n`).sort();
  return createHash('sha256').update(lines.join('')).digest('hex');
}

/** A command line that cannot end the GRUB command it is put into. Quotes must be whole. */
export function isSafeCmdline(text: string): boolean {
  return /^(?:[^\n\r"'\\;&|<>{}$`]|"[^\n\r"$\\]*"|'[^\n\r']*')*$/.test(text);
}

/** What a slot says about its system, a line each. */
export function formatRecord({ name, build, epoch, issued, cmdline, parts }: SlotSystem): string {
  return `# Osmith slot 1
# name ${name}
# build ${build}
# epoch ${epoch}
# issued ${issued}
# cmdline ${cmdline}
${parts.map((part) => `# part ${part.name} ${part.size} ${part.sha256}\n`).join('')}`;
}

/** The text of a slot's `slot.cfg`: comments for us, commands for GRUB. */
export function formatSlotConfig(slot: Slot, system: SlotSystem): string {
  const { build, cmdline } = system;
  if (!isSafeCmdline(cmdline)) {
    throw new RangeError(`the kernel command line cannot be given to GRUB: ${cmdline}`);
  }
  const words = [cmdline, `osmith.build=${build}`, '$osmith_local', '$osmith_words'];
  return `${formatRecord(system)}\
if linux /${slotFile(slot, 'vmlinuz')} ${words.filter(Boolean).join(' ')}; then
  if initrd /${slotFile(slot, 'initrd')}; then
    set osmith_ok=1
  fi
fi
`;
}

/** What a record says; undefined unless it is the same when written again by `format`: only then is it whole. */
export function parseRecord(
  text: string | undefined,
  format: (system: SlotSystem) => string = formatRecord,
): SlotSystem | undefined {
  if (text === undefined) return undefined;
  const value = (key: string) => new RegExp(`^# ${key} (.*)$`, 'm').exec(text)?.[1];
  const parts = [...text.matchAll(/^# part (\S+) (\d+) ([0-9a-f]{64})$/gm)].map(([, name, size, sha256]) => ({
    name: name!,
    size: Number(size),
    sha256: sha256!,
  }));
  const system: SlotSystem = {
    name: value('name') ?? '',
    build: value('build') ?? '',
    epoch: Number(value('epoch')),
    issued: Number(value('issued')),
    cmdline: value('cmdline') ?? '',
    parts,
  };
  try {
    return format(system) === text ? system : undefined;
  } catch {
    return undefined;
  }
}

/** What a slot.cfg says; undefined for one that is missing, cut off or not ours. */
export function parseSlotConfig(slot: Slot, text: string | undefined): SlotSystem | undefined {
  return parseRecord(text, (system) => formatSlotConfig(slot, system));
}
