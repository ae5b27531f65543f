/** What tests must know of a machine's two slots: how to look at them, and how another build for them is made. */
import type { BootEnvironment, Slot, SlotSystem } from '../../disk/boot-slots.ts';
import type { EspOfDisk } from '../esp-files.ts';
import type { OtherBuild } from '../publish/builds.ts';
import type { Tools } from '../tools.ts';

/** What the disk says. */
export interface SlotsFound {
  environment: BootEnvironment;
  /** What is complete. */
  systems: Record<Slot, SlotSystem | undefined>;
}

export interface Making {
  /** Programs that builds use; for those who need none they are not fetched. */
  buildTools: () => Promise<Tools>;
  /** Date of the image, seconds since 1970. */
  epoch: number;
}

/** A kind of slots. Everything else about updates is the same for all. */
export interface SlotKind {
  /** The files of a system, by the ends of their names in a release. */
  parts: readonly string[];
  /** The file that makes a build another one. Faults are about it unless they name one. */
  main: string;
  /** Turns a copy of it into that of another build. Throws E_TEST if it cannot be made. */
  change(file: string, build: OtherBuild, making: Making): Promise<void>;
  /** Throws E_UPDATE while there is no second slot. */
  look(disk: EspOfDisk): Promise<SlotsFound>;
}
