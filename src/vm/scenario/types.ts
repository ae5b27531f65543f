/** A scenario: a test of an image, as data. */
import type { ZodType } from 'zod';
import type { Key } from '../../pattern/index.ts';
import type { Alteration } from '../alter.ts';
import type { Arch, Firmware } from '../firmware.ts';
import type { Guest } from '../guest.ts';
import type { Image } from '../image.ts';
import type { ReleaseServer } from '../publish/server.ts';
import type { Tools } from '../tools.ts';
import { MEDIA } from '../machine.ts';
import type { Vm } from '../vm.ts';

/** How the agent's configuration gets into the machine. */
export const AGENT_PLACES = ['smbios', 'cidata', 'command-line', 'config'] as const;
export type AgentPlace = (typeof AGENT_PLACES)[number];

export interface AgentSetup {
  through: AgentPlace;
  /** Without what only the run knows: its key, and where its releases are. */
  config: Record<string, unknown>;
}

export const BOOT_MEDIA = ['disk', 'network', ...MEDIA] as const;
export type BootMedium = (typeof BOOT_MEDIA)[number];

/** Which disk a step is about: the medium that the machine starts from, or one of its own, counted from 1. */
export type DiskName = 'medium' | number;

export interface OwnDisk {
  mib: number;
  /** The artifact that it holds, by its ending; absent: it is empty. */
  from?: string | undefined;
}

export interface Scenario {
  /** Name of its file, without `.yaml`. */
  name: string;
  file: string;
  description: string;
  /** Architectures it is for. */
  arch: Arch[];
  /** `none`: there is no machine, its commands run in the root file system of a container. */
  firmware: Firmware | 'none';
  /**
   * What the firmware starts from: the disk, a TFTP server with the contents of the pxe archive, or the ISO image as a
   * CD or a USB stick.
   */
  boot: BootMedium;
  /** The artifact that is that medium, or the server's directory, by its ending; absent: the usual one. */
  medium?: string | undefined;
  /** Further disks of the machine. It keeps what is written there. */
  disks: OwnDisk[];
  /** Further artifacts by their endings: builds that made none of them are of another kind. */
  artifacts?: string[] | undefined;
  /** MiB; absent: what the configuration says. */
  memory?: number | undefined;
  cpus?: number | undefined;
  /** MiB that its disk has; absent: as much as the image. */
  disk?: number | undefined;
  /** What the machine's clock says when it is switched on, ISO 8601; absent: the time. */
  clock?: string | undefined;
  alter: Alteration[];
  agent?: AgentSetup | undefined;
  steps: ScenarioStep[];
}

/** One that has a machine. */
export type MachineScenario = Scenario & { firmware: Firmware };

export function hasMachine(scenario: Scenario): scenario is MachineScenario {
  return scenario.firmware !== 'none';
}

export interface ScenarioStep {
  kind: string;
  name: string;
  params: unknown;
}

/** Keys of one run. */
export interface RunKeys {
  /** The agent trusts it. */
  own: Key;
  /** It has the same name, and the agent does not know it. */
  stranger: Key;
}

/** What steps need that only run commands. */
export interface CommandContext {
  signal: AbortSignal;
  /** A shell in the running system, logged in to when it is first needed. */
  guest(): Promise<Guest>;
  /** Where stands what the system has said. */
  log(): string;
}

/** What a running scenario's steps share. */
export interface ScenarioContext extends CommandContext {
  scenario: Scenario;
  image: Image;
  tools: Tools;
  /** Programs that builds use. */
  buildTools: () => Promise<Tools>;
  /** The scenario's own directory; stays when it is over. */
  dir: string;
  keys: RunKeys;
  /** Publishes releases for the machine; starts when it is first needed. */
  server(): Promise<ReleaseServer>;
  /** Switches the machine on. `restarts`: it may restart by itself; `from`: with the medium gone. */
  start(options: { restarts: boolean; from?: 'disks' | undefined }): Promise<Vm>;
  /** The machine that is on; fails if none is. */
  vm(): Vm;
  isOn(): boolean;
  /** How often it restarted since it was switched on. */
  restarts(): number;
  /** Whether it may do so by itself. */
  mayRestart(): boolean;
  /** Forgets the shell: the system that it ran in is gone. */
  leaveGuest(): void;
  /** Path of a disk, the first of the machine's own if not said otherwise. Only for steps that need one. */
  disk(which?: DiskName): Promise<string>;
  /** What was on a disk when the machine was switched on; only of those that a step needs a record of. */
  before(which: DiskName): DiskRecord | undefined;
  /** Makes something when it is first needed. The maker gets a number that no other has. */
  once<T>(key: string, make: (number: number) => Promise<T>): Promise<T>;
  /** Gives a build that was published its name in this scenario. */
  remember(name: string, build: string): void;
  /** Names of builds to their identities; `same` is the image itself. */
  builds(): Promise<ReadonlyMap<string, string>>;
}

/** What was on a disk at some time. */
export interface DiskRecord {
  /** SHA-256 of all of it. */
  digest: string;
  /** Files on the EFI system partition to their SHA-256. */
  files: Map<string, string>;
}

/** What a kind of step needs of the machine that it is used with. */
export interface Needs {
  /** A disk of the machine's own, which keeps what is written through all boots; or the one that its parameter `on` names. */
  disk?: boolean;
  /** A record of what was on that disk at each start. */
  record?: boolean;
  /** A way between guest and test: the host's network. */
  network?: boolean;
  /** The agent, and a configuration for it. */
  agent?: boolean;
  /** Kernel and initrd as files, to know builds by them and to make others. */
  build?: boolean;
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
  needs?: Needs;
  /** Looks before anything is started whether what it names is there; throws. */
  check?: (scenario: Scenario, params: P) => Promise<void>;
  run: (context: ScenarioContext, params: P) => Promise<void>;
  /** The same where there is no machine; absent: it needs one. */
  inContainer?: (context: CommandContext, params: P) => Promise<void>;
}

/** Gives a kind of step its types. */
export function defineStepKind<P>(kind: StepKind<P>): StepKind {
  return kind as unknown as StepKind;
}
