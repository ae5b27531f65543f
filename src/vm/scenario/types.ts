/** A scenario: a test of an image, as data. */
import type { ZodType } from 'zod';
import type { Alteration } from '../alter.ts';
import type { Arch, Firmware } from '../firmware.ts';
import type { Guest } from '../guest.ts';
import type { Image } from '../image.ts';
import type { Tools } from '../tools.ts';
import type { Vm } from '../vm.ts';

export interface Scenario {
  /** Name of its file, without `.yaml`. */
  name: string;
  file: string;
  description: string;
  /** Architectures it is for. */
  arch: Arch[];
  firmware: Firmware;
  /** What the firmware starts from: the disk, or a TFTP server with the contents of the pxe archive. */
  boot: 'disk' | 'network';
  /** Further artifacts by their endings: builds that made none of them are of another kind. */
  artifacts?: string[] | undefined;
  /** MiB; absent: what the configuration says. */
  memory?: number | undefined;
  cpus?: number | undefined;
  alter: Alteration[];
  steps: ScenarioStep[];
}

export interface ScenarioStep {
  kind: string;
  name: string;
  params: unknown;
}

/** What a running scenario's steps share. */
export interface ScenarioContext {
  scenario: Scenario;
  image: Image;
  tools: Tools;
  /** The scenario's own directory; stays when it is over. */
  dir: string;
  signal: AbortSignal;
  /** Switches the machine on. */
  start(): Promise<Vm>;
  /** The machine that is on; fails if none is. */
  vm(): Vm;
  /** A shell in the running system, logged in to when it is first needed. */
  guest(): Promise<Guest>;
  /** Forgets the shell: the system that it ran in is gone. */
  leaveGuest(): void;
}

/** A kind of step. To add one: a small module with this in it, and a line in steps.ts. */
export interface StepKind<P = unknown> {
  /** In place of parameters, YAML may have just this one: `- run: COMMAND`. */
  short?: string;
  params: ZodType<P>;
  /** What it does, for a step without a name. */
  title: (params: P) => string;
  /** Whether the steps after it make sense when it has failed. */
  goOn?: boolean;
  run: (context: ScenarioContext, params: P) => Promise<void>;
}

/** Gives a kind of step its types. */
export function defineStepKind<P>(kind: StepKind<P>): StepKind {
  return kind as unknown as StepKind;
}
