/** The machine that a scenario asks for. */
import { constants, createReadStream, createWriteStream } from 'node:fs';
import { copyFile, mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { extract } from 'tar-stream';
import { efiNames } from '../../disk/efi.ts';
import type { Acceleration } from '../accel.ts';
import { alterDisk } from '../alter.ts';
import { artifact, type Image } from '../image.ts';
import type { Login } from '../login.ts';
import type { Tools } from '../tools.ts';
import type { VmSpec } from '../vm.ts';
import type { Scenario } from './types.ts';

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

/** Artifacts that a scenario needs, by their endings. */
export function neededArtifacts({ firmware, boot, artifacts = [] }: Scenario): string[] {
  if (firmware === 'direct') return ['vmlinuz', 'initrd', ...artifacts];
  return [boot === 'network' ? 'pxe.tar' : 'raw', ...artifacts];
}

/** The scenario's private copy of the disk, tampered with; or the artifact itself. */
async function diskFile(scenario: Scenario, image: Image, tools: Tools, dir: string): Promise<string> {
  const original = artifact(image, 'raw');
  if (scenario.alter.length === 0) return original;
  const copy = join(dir, 'disk.raw');
  await copyFile(original, copy, constants.COPYFILE_FICLONE);
  for (const alteration of scenario.alter) await alterDisk(tools, copy, dir, image.arch, alteration);
  return copy;
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
  scenario: Scenario,
  image: Image,
  {
    tools,
    dir,
    login,
    acceleration,
    defaults,
  }: {
    tools: Tools;
    dir: string;
    login: Login;
    acceleration: Acceleration;
    defaults: MachineDefaults;
  },
): Promise<Prepared> {
  const { firmware, boot } = scenario;
  const spec: VmSpec = {
    arch: image.arch,
    firmware,
    ...{ accel: acceleration.accel, canSmm: acceleration.canSmm },
    ...sizeOf(scenario, defaults),
    nics: [{}],
    login,
  };
  const remove = async () => {
    for (const name of ['disk.raw', 'tftp']) await rm(join(dir, name), { recursive: true, force: true });
  };
  try {
    if (firmware === 'direct') {
      const [file, initrd] = [artifact(image, 'vmlinuz'), artifact(image, 'initrd')];
      spec.kernel = { file, initrd, cmdline: defaults.cmdline };
    } else if (boot === 'network') {
      const root = await tftpRoot(image, dir);
      spec.nics = [{ netboot: { root, file: efiNames(image.arch).removable.toLowerCase() } }];
    } else {
      spec.disks = [{ file: await diskFile(scenario, image, tools, dir), format: 'raw' }];
    }
  } catch (error) {
    await remove();
    throw error;
  }
  return { spec, remove };
}
