/** Steps that make images for CDs and USB sticks. */
import type { Config } from '../config/index.ts';
import type { LoaderNames } from '../distro/types.ts';
import type { MakeStep } from './disk-formats.ts';
import type { LimitOf } from './limits.ts';
import type { Tools } from './tools.ts';
import type { Json, Step, StepInput } from './types.ts';

export interface IsoRequest {
  config: Config;
  arch: string;
  grubDir: string;
  names?: LoaderNames;
  step: MakeStep;
  limit: LimitOf;
  /** With GRUB for BIOS machines and what makes ISO images. */
  tools: Tools;
  /** shim, grub, mm, vmlinuz, initrd. */
  boot: Record<string, StepInput>;
  cmdline: string;
}

function isoStep(request: IsoRequest, files: Record<string, Json>, inputs: Record<string, StepInput>): Step {
  const { config, arch, grubDir, names, step, limit, tools, boot, cmdline } = request;
  const title = config.get('image', 'title');
  const params = { arch, label: title, title, cmdline, grubDir, files, bios: arch === 'amd64' };
  const own = names === undefined ? {} : { names };
  return { ...step('iso', 'iso', { ...params, ...own, ...limit('iso') }, { ...boot, ...inputs }), ...tools };
}

/** Of a system that runs from memory: kernel and initrd are all of it. */
export function memoryIso(request: IsoRequest): Step[] {
  return [isoStep(request, {}, {})];
}

/**
 * Of a system that is installed on a disk: the medium holds the disk image, from which a live system runs, and from
 * which an installer can write it to a disk.
 */
export function liveIso(request: IsoRequest, disk: StepInput, entry: StepInput): Step[] {
  const { config, step } = request;
  const pack: Record<string, Json> = {
    ...{ file: 'disk.raw', compression: config.get('image', 'compression') },
    level: config.int('image', 'compression_level'),
  };
  const packed = step('live-disk', 'pack', pack, { file: disk });
  const live = step('live', 'live', {}, { disk, entry });
  return [
    packed,
    live,
    isoStep(
      request,
      { 'osmith/disk.squashfs': 'squashfs' },
      {
        squashfs: { step: packed.id, output: 'image' },
        live: { step: live.id, output: 'initrd' },
      },
    ),
  ];
}
