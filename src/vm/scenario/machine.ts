/** The machine that a scenario asks for. */
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { extract } from 'tar-stream';
import type { Key } from '../../pattern/index.ts';
import { efiNames } from '../../disk/efi.ts';
import { MIB } from '../../disk/layout.ts';
import type { Acceleration } from '../accel.ts';
import { alterDisk } from '../alter.ts';
import { copyDisk } from '../copy-disk.ts';
import { OsmithError } from '../../errors.ts';
import { artifact, type Image } from '../image.ts';
import type { Login } from '../login.ts';
import type { Disk, Medium } from '../machine.ts';
import type { Tools } from '../tools.ts';
import type { VmSpec } from '../vm.ts';
import { AGENT_PORT, followsReleases, handInConfig } from './agent-config.ts';
import { ROOTFS } from './container.ts';
import { STEP_KINDS } from './steps.ts';
import type { BootMedium, DiskName, MachineScenario, Needs, Scenario } from './types.ts';

/** Names of a scenario's own disk, and of the medium that may be written to. */
const DISK = 'disk.raw';
const MEDIUM = 'medium.raw';

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

/** The disks that steps need a record of. */
export function recordedDisks({ steps }: Scenario): DiskName[] {
  const recording = steps.filter(({ kind }) => STEP_KINDS[kind]!.needs?.record === true);
  return [...new Set(recording.map(({ params }) => (params as { on?: DiskName }).on ?? 1))];
}

/** Whether a step is about the medium: then it is a copy, and keeps what is written. */
function keepsMedium({ steps }: Scenario): boolean {
  return steps.some(({ params }) => (params as { on?: DiskName }).on === 'medium');
}

/** What a machine usually starts from. */
const ARTIFACT: Record<BootMedium, string> = { disk: 'raw', network: 'pxe.tar', cd: 'iso', usb: 'iso' };

/** Artifacts that a scenario needs, by their endings. */
export function neededArtifacts(scenario: Scenario): string[] {
  const { firmware, boot, medium = ARTIFACT[boot], disks, artifacts = [] } = scenario;
  const further = [...disks.flatMap(({ from }) => from ?? []), ...artifacts];
  if (firmware === 'none') return [ROOTFS, ...further];
  if (firmware === 'direct') return ['vmlinuz', 'initrd', ...further];
  return [medium, ...further];
}

/** Throws E_TEST for a disk that the image does not fit on. */
async function enlarge(file: string, mib: number): Promise<void> {
  const { size } = await stat(file);
  const wanted = mib * MIB;
  if (wanted >= size) return truncate(file, wanted);
  throw new OsmithError('E_TEST', `The image has ${size} bytes, the disk of the scenario only ${wanted}`, {
    hint: 'Give the disk a size of more than the image, such as 4G',
  });
}

/** The artifact, or a copy of it: tampered with, or one that keeps what is written. */
async function bootDisk(scenario: Scenario, image: Image, tools: Tools, dir: string): Promise<Disk> {
  const original = artifact(image, 'raw');
  const keeps = needs(scenario, 'disk');
  const viaDisk = ['command-line', 'config'].includes(scenario.agent?.through ?? '');
  if (scenario.alter.length === 0 && !keeps && !viaDisk && scenario.disk === undefined)
    return { file: original, format: 'raw' };
  const file = join(dir, DISK);
  await copyDisk(original, file);
  if (scenario.disk !== undefined) await enlarge(file, scenario.disk);
  for (const alteration of scenario.alter) await alterDisk(tools, file, dir, image.arch, alteration);
  return { file, format: 'raw', ...(keeps && { writable: true, disposable: true }) };
}

/** The medium, or a copy of it. */
async function bootMedium(
  scenario: Scenario,
  image: Image,
  medium: Medium,
  { tools, dir }: { tools: Tools; dir: string },
): Promise<Disk> {
  const original = artifact(image, scenario.medium ?? ARTIFACT[medium]);
  const keeps = keepsMedium(scenario);
  if (scenario.alter.length === 0 && !keeps) return { file: original, format: 'raw', medium };
  const file = join(dir, MEDIUM);
  await copyDisk(original, file);
  for (const alteration of scenario.alter) await alterDisk(tools, file, dir, image.arch, alteration);
  return { file, format: 'raw', medium, ...(keeps && { writable: true }) };
}

/** Disks as they are sold, or with what somebody left there. */
async function ownDisks({ disks }: Scenario, image: Image, dir: string): Promise<Disk[]> {
  const files = disks.map((_, index) => join(dir, ownDisk(index)));
  for (const [index, file] of files.entries()) {
    const { mib, from } = disks[index]!;
    if (from === undefined) await writeFile(file, '');
    else await copyDisk(artifact(image, from), file);
    await enlarge(file, mib);
  }
  return files.map((file) => ({ file, format: 'raw', writable: true, disposable: true }));
}

function ownDisk(index: number): string {
  return `disk-${index + 1}.raw`;
}

/** The same machine when the medium has been taken out, or the server on its network is gone. */
export function withoutMedium(spec: VmSpec): VmSpec {
  const disks = (spec.disks ?? []).filter(({ medium }) => medium === undefined);
  const nics = (spec.nics ?? []).map(({ forward }) => (forward === undefined ? {} : { forward }));
  return { ...spec, disks, nics };
}

/** Path of a disk of the machine. */
export function diskFile({ disks = [] }: VmSpec, which: DiskName): string {
  const own = disks.filter(({ medium }) => medium === undefined);
  const found = which === 'medium' ? disks.find(({ medium }) => medium !== undefined) : own[which - 1];
  if (found !== undefined) return found.file;
  throw new OsmithError('E_INTERNAL', `The machine has no disk ${which}`);
}

/** Unpacks the network boot archive; the directory to offer over TFTP. */
async function tftpRoot(scenario: Scenario, image: Image, dir: string): Promise<string> {
  const root = join(dir, 'tftp');
  await mkdir(root, { recursive: true });
  const reader = extract();
  const done = pipeline(createReadStream(artifact(image, scenario.medium ?? ARTIFACT.network)), reader);
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
    const own = scenario.disks.map((_, index) => ownDisk(index));
    for (const name of [DISK, MEDIUM, ...own, 'cidata.img', 'tftp'])
      await rm(join(dir, name), { recursive: true, force: true });
  };
  try {
    if (firmware === 'direct') {
      const [file, initrd] = [artifact(image, 'vmlinuz'), artifact(image, 'initrd')];
      spec.kernel = { file, initrd, cmdline: defaults.cmdline };
    } else if (boot === 'network') {
      const root = await tftpRoot(scenario, image, dir);
      spec.nics = [{ netboot: { root, file: efiNames(image.arch).removable.toLowerCase() } }];
    } else if (boot !== 'disk') {
      spec.disks = [await bootMedium(scenario, image, boot, { tools, dir })];
    } else {
      spec.disks = [await bootDisk(scenario, image, tools, dir)];
    }
    spec.disks = [...(spec.disks ?? []), ...(await ownDisks(scenario, image, dir))];
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
