/** What GRUB does with a disk by its grub.cfg, for tests: see `diskGrubConfig`. Compared with real GRUB in a machine. */
import {
  formatEnvironment,
  GRUBENV,
  otherSlot,
  parseEnvironment,
  parseSlotConfig,
  slotConfig,
  slotFile,
  type Slot,
} from '../disk/boot-slots.ts';

export type Files = ReadonlyMap<string, Buffer>;

export interface Boot {
  slot: Slot;
  trial: boolean;
  /** The files it was started with. */
  vmlinuz: string;
  initrd: string;
}

function load(files: Files, slot: Slot): { vmlinuz: string; initrd: string } | undefined {
  const text = files.get(slotConfig(slot))?.toString('latin1');
  const vmlinuz = files.get(slotFile(slot, 'vmlinuz'));
  const initrd = files.get(slotFile(slot, 'initrd'));
  // GRUB starts whatever is there: it knows no digests.
  if (text === undefined || vmlinuz === undefined || initrd === undefined) return undefined;
  if (parseSlotConfig(slot, text) === undefined) return undefined;
  return { vmlinuz: vmlinuz.toString('latin1'), initrd: initrd.toString('latin1') };
}

/** One boot: what is started, and the files afterwards. */
export function grubBoot(files: Files): { boot: Boot | undefined; after: Map<string, Buffer> } {
  const after = new Map(files);
  const environment = parseEnvironment(files.get(GRUBENV)?.toString('latin1'));
  let start = environment.slot;
  let onTrial: Slot | undefined;
  if (environment.trial !== undefined) {
    const { slot, left } = environment.trial;
    start = slot;
    onTrial = slot;
    const trial = left > 1 ? { slot, left: left - 1 } : undefined;
    after.set(GRUBENV, Buffer.from(formatEnvironment({ ...environment, trial })));
  }
  const chosen = load(files, start);
  if (chosen !== undefined) return { boot: { slot: start, trial: onTrial === start, ...chosen }, after };
  const slot = otherSlot(start);
  const fallen = load(files, slot);
  return { boot: fallen === undefined ? undefined : { slot, trial: false, ...fallen }, after };
}
