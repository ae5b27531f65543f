/** The machine that a scenario asks for. */
import { constants, createReadStream, createWriteStream } from 'node:fs';
import { copyFile, mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { extract } from 'tar-stream';
import type { Key } from '../../pattern/index.ts';
import { efiNames } from '../../disk/efi.ts';
import type { Acceleration } from '../accel.ts';
import { alterDisk } from '../alter.ts';
import { artifact, type Image } from '../image.ts';
import type { Login } from '../login.ts';
import type { Disk } from '../machine.ts';
import type { Tools } from '../tools.ts';
import type { VmSpec } from '../vm.ts';
import { AGENT_PORT, followsReleases, handInConfig } from './agent-config.ts';
import { ROOTFS } from './container.ts';
import { STEP_KINDS } from './steps.ts';
import type { BootMedium, MachineScenario, Needs, Scenario } from './types.ts';

/** Name of a scenario's own disk. */
const DISK = 'disk.raw';

/** What holds for all scenarios of a run unless they say otherwise. */
export interface MachineDefaults {
  /** MiB. */
  memory: number;
  cpus: number;
  /** Kernel command line where no boot loader brings one. */
  cmdline: string;
}

export interface Size {
  memory: number;
  cpus: number;
}

export function sizeOf(scenario: Scenario, { memory, cpus }: MachineDefaults): Size {
  return { memory: scenario.memory ?? memory, cpus: scenario.cpus ?? cpus };
}

/** Whether a scenario has a step that needs this. */
export function needs(scenario: Scenario, need: keyof Needs): boolean {
  return scenario.steps.some(({ kind }) => STEP_KINDS[kind]!.needs?.[need] === true);
}

/** What a machine starts from. */
const ARTIFACT: Record<BootMedium, string> = { disk: 'raw', network: 'pxe.tar', cd: 'iso', usb: 'iso' };

/** Artifacts that a scenario needs, by their endings. */
export function neededArtifacts(scenario: Scenario): string[] {
  const { firmware, boot, artifacts = [] } = scenario;
  if (firmware === 'none') return [ROOTFS, ...artifacts];
  const files = ['vmlinuz', 'initrd'];
  if (firmware === 'direct') return [...files, ...artifacts];
  return [ARTIFACT[boot], ...(needs(scenario, 'build') ? files : []), ...artifacts];
}

/** The artifact, or a copy of it: tampered with, or one that keeps what is written. */
async function bootDisk(scenario: Scenario, image: Image, tools: Tools, dir: string): Promise<Disk> {
  const original = artifact(image, 'raw');
  const keeps = needs(scenario, 'disk');
  const viaDisk = scenario.agent?.through === 'command-line';
  if (scenario.alter.length === 0 && !keeps && !viaDisk) return { file: original, format: 'raw' };
  const file = join(dir, DISK);
  await copyFile(original, file, constants.COPYFILE_FICLONE);
  for (const alteration of scenario.alter) await alterDisk(tools, file, dir, image.arch, alteration);
  return { file, format: 'raw', ...(keeps && { writable: true, disposable: true }) };
}

/** Unpacks the network boot archive; the directory to offer over TFTP. */
async function tftpRoot(image: Image, dir: string): Promise<string> {
  const root = join(dir, 'tftp');
  await mkdir(root, { recursive: true });
  const reader = extract();
  const done = pipeline(createReadStream(artifact(image, 'pxe.tar')), reader);
  for await (const entry of reader) {
    const path = join(root, join('/', entry.header.name)); // nothing can lead out of the directory
    if (entry.header.type === 'file') {
      await mkdir(dirname(path), { recursive: true });
      await pipeline(entry, createWriteStream(path));
    } else entry.resume();
  }
  await done;
  return root;
}

export interface Prepared {
  spec: VmSpec;
  /** Removes large files that were made for it. */
  remove: () => Promise<void>;
}

/** Makes the files that the machine needs, below `dir`. */
export async function prepareMachine(
  scenario: MachineScenario,
  image: Image,
  {
    tools,
    dir,
    login,
    acceleration,
    defaults,
    key,
    url,
  }: {
    tools: Tools;
    dir: string;
    login: Login;
    acceleration: Acceleration;
    defaults: MachineDefaults;
    /** What the agent is to trust. */
    key: Key;
    /** Where the machine finds releases. */
    url: () => Promise<string>;
  },
): Promise<Prepared> {
  const { firmware, boot } = scenario;
  const spec: VmSpec = {
    arch: image.arch,
    firmware,
    ...{ accel: acceleration.accel, canSmm: acceleration.canSmm },
    ...sizeOf(scenario, defaults),
    nics: [{}],
    // Its network then is that of this machine: the server is here.
    outside: needs(scenario, 'network') || followsReleases(scenario.agent),
    ...{ login, clock: scenario.clock },
  };
  const remove = async () => {
    for (const name of [DISK, 'cidata.img', 'tftp'])
      await rm(join(dir, name), { recursive: true, force: true });
  };
  try {
    if (firmware === 'direct') {
      const [file, initrd] = [artifact(image, 'vmlinuz'), artifact(image, 'initrd')];
      spec.kernel = { file, initrd, cmdline: defaults.cmdline };
    } else if (boot === 'network') {
      const root = await tftpRoot(image, dir);
      spec.nics = [{ netboot: { root, file: efiNames(image.arch).removable.toLowerCase() } }];
    } else if (boot !== 'disk') {
      spec.disks = [{ file: artifact(image, 'iso'), format: 'raw', medium: boot }];
    } else {
      spec.disks = [await bootDisk(scenario, image, tools, dir)];
    }
    const [nic] = spec.nics!;
    if (needs(scenario, 'agent')) nic!.forward = [{ host: 0, guest: AGENT_PORT }];
    if (scenario.agent !== undefined)
      await handInConfig(scenario.agent, { key, url: await url() }, { spec, tools, dir });
  } catch (error) {
    await remove();
    throw error;
  }
  return { spec, remove };
}
