/** The plan of a composition: its tar, and what is made of that. */
import type { Item } from '../compose/items.ts';
import { composeBiosLayout, composeEfiLayout } from '../disk/layouts/compose.ts';
import { OsmithError } from '../errors.ts';
import { LOADERS, type SignedBoot } from './loaders.ts';
import type { ToolsSteps } from './tools.ts';
import { isStepInput, type Artifact, type Json, type Plan, type Step, type StepInput } from './types.ts';

function from(step: string, output: string): StepInput {
  return { step: `compose/${step}`, output };
}

interface Made {
  /** What comes behind the name. */
  suffix: string;
  from: StepInput;
}

const KERNEL: Made = { suffix: '-kernel', from: from('boot', 'kernel') };
const CMDLINE: Made = { suffix: '-cmdline', from: from('boot', 'cmdline') };

/** Formats with the files that each makes. */
const FORMATS: Record<string, Made[]> = {
  tar: [{ suffix: '.tar', from: from('system', 'tar') }],
  docker: [{ suffix: '.docker', from: from('docker', 'tar') }],
  'kernel+initrd': [KERNEL, { suffix: '-initrd.img', from: from('boot', 'initrd') }, CMDLINE],
  'tar-kernel-initrd': [{ suffix: '-initrd.tar', from: from('boot-tar', 'tar') }],
  'kernel+squashfs': [KERNEL, { suffix: '-squashfs.img', from: from('squashfs', 'image') }, CMDLINE],
  'kernel+erofs': [KERNEL, { suffix: '-erofs.img', from: from('erofs', 'image') }, CMDLINE],
  'raw-bios': [{ suffix: '-bios.img', from: from('disk', 'raw') }],
  'qcow2-bios': [{ suffix: '.qcow2', from: from('qcow2', 'file') }],
  aws: [{ suffix: '.raw', from: from('disk', 'raw') }],
  gcp: [{ suffix: '.img.tar.gz', from: from('gce.tar.gz', 'file') }],
  vhd: [{ suffix: '.vhd', from: from('vhd', 'file') }],
  'dynamic-vhd': [{ suffix: '.vhd', from: from('dynamic.vhd', 'file') }],
  vmdk: [{ suffix: '.vmdk', from: from('vmdk', 'file') }],
  'raw-efi': [{ suffix: '-efi.img', from: from('efi', 'raw') }],
  'qcow2-efi': [{ suffix: '-efi.qcow2', from: from('efi-qcow2', 'file') }],
  'iso-bios': [{ suffix: '.iso', from: from('iso', 'file') }],
  // linuxkit's first one has the ISO file system as its root; here both start an initrd.
  'iso-efi': [{ suffix: '-efi.iso', from: from('iso-efi', 'file') }],
  'iso-efi-initrd': [{ suffix: '-efi-initrd.iso', from: from('iso-efi', 'file') }],
};

/** What the raw disk is converted to. */
const CONVERTED = ['qcow2', 'gce.tar.gz', 'vhd', 'dynamic.vhd', 'vmdk'];

/** Those that are made by programs of the tools tree. */
export const TOOLED = Object.keys(FORMATS).filter((format) => {
  return FORMATS[format]!.some(({ from }) => !/^compose\/(?:system|docker|boot|boot-tar)$/.test(from.step));
});

export const FORMAT_NAMES = Object.keys(FORMATS);

function formatsOf(ids: readonly string[]): string[] {
  const steps = ids.map((id) => `compose/${id}`);
  return FORMAT_NAMES.filter((format) => FORMATS[format]!.some(({ from }) => steps.includes(from.step)));
}

/** Formats for machines with a BIOS. */
const BIOS = formatsOf(['disk', ...CONVERTED, 'iso']);

/** Formats with the loaders that firmware starts under Secure Boot. */
export const SIGNED = formatsOf(['efi', 'efi-qcow2', 'iso', 'iso-efi']);

/** Formats that are whole disks. */
const SIZED = formatsOf(['disk', ...CONVERTED, 'efi', 'efi-qcow2']);

/** Formats with a boot loader. */
export const DISKS = [...BIOS, ...SIGNED];

/** Architectures for which there are signed loaders. */
const SIGNED_ARCH = ['amd64', 'arm64'];

/** One file that can be written to where somebody reads it. */
export const STREAMABLE = ['tar', 'docker'];

function usage(message: string, hint: string): OsmithError {
  return new OsmithError('E_USAGE', message, { hint });
}

/** Formats of linuxkit that are not made, and what serves in their place. */
const ABSENT: Record<string, string> = {
  'kernel+iso':
    'Make kernel+squashfs or kernel+erofs, which hold device nodes and attributes, too; iso-efi starts from CDs',
  rpi3: 'Make kernel+initrd and place it beside the firmware of the board; products have disks for it (layout rpi)',
};

/**
 * Throws E_USAGE for formats that there are not, or not for this architecture, together, or in a size that was asked
 * for.
 */
export function checkFormats(formats: readonly string[], arch: string, sized: boolean): void {
  const absent = formats.find((format) => Object.hasOwn(ABSENT, format));
  if (absent !== undefined) throw usage(`The format ${absent} is not made here`, ABSENT[absent]!);
  const unknown = formats.find((format) => !FORMAT_NAMES.includes(format));
  if (unknown !== undefined) {
    throw usage(`unknown format type ${unknown}`, `Known: ${FORMAT_NAMES.join(', ')}`);
  }
  const bios = formats.find((format) => BIOS.includes(format));
  if (bios !== undefined && arch !== 'amd64') {
    throw usage(`The format ${bios} is for BIOS machines, which ${arch} has not`, 'Choose another format');
  }
  const signed = formats.find((format) => SIGNED.includes(format));
  if (signed !== undefined && !SIGNED_ARCH.includes(arch)) {
    throw usage(
      `The format ${signed} has signed boot loaders, which ${arch} has not`,
      'Choose another format',
    );
  }
  const whole = sized ? formats.find((format) => !SIZED.includes(format)) : undefined;
  if (whole !== undefined) {
    throw usage(`The format ${whole} has no size to choose`, `--size is for disks: ${SIZED.join(', ')}`);
  }
  const [, second] = formats.filter((format) => FORMATS[format]![0]!.suffix === '.vhd');
  if (second !== undefined) {
    throw usage(
      `vhd and ${second} would be the same file`,
      'Make one after the other, with another --output',
    );
  }
}

/** Names of the files that formats make, which begin with `name`. */
export function artifactNames(formats: readonly string[], name: string): string[] {
  return formats.flatMap((format) => FORMATS[format]!.map(({ suffix }) => `${name}${suffix}`));
}

/** The items of the format docker: the bill of materials stays the last. */
function withDockerfile(items: readonly Item[]): Item[] {
  const bill = items.filter(({ kind }) => kind === 'sbom');
  return [...items.filter(({ kind }) => kind !== 'sbom'), { kind: 'dockerfile' }, ...bill];
}

/** Steps that the artifacts need, in their order. */
function needed(steps: readonly Step[], artifacts: readonly Artifact[]): Step[] {
  const wanted = new Set(artifacts.map(({ step }) => step));
  for (const { id, inputs, tools } of steps.toReversed()) {
    if (!wanted.has(id)) continue;
    for (const input of Object.values(inputs)) if (isStepInput(input)) wanted.add(input.step);
    if (tools !== undefined) wanted.add(tools);
  }
  return steps.filter(({ id }) => wanted.has(id));
}

export interface ComposeRequest {
  items: readonly Item[];
  formats: readonly string[];
  /** What the artifacts' names begin with. */
  name: string;
  arch: string;
  cmdline: string;
  /** Of disks, in bytes; undefined: what they hold. */
  size?: number | undefined;
  /** What makes file systems and disks; unless a format needs it, there is none. */
  tools?: ToolsSteps | undefined;
  /** What formats with signed loaders need. */
  signed?: SignedBoot | undefined;
}

/** The time stamp of all files is that which the composed tar gives itself. */
export function composePlan(request: ComposeRequest): Plan {
  const { items, formats, name, arch, cmdline, size, tools, signed } = request;
  const step = (id: string, kind: string, params: Step['params'], inputs: Step['inputs'] = {}): Step => {
    return { id: `compose/${id}`, kind, stage: 'compose', params, inputs };
  };
  const tooled = (...given: Parameters<typeof step>): Step => ({ ...step(...given), ...tools?.tools });
  const json = (value: unknown) => value as Json;
  const tar = { tar: from('system', 'tar') };
  const root = { root: from('root', 'tree') };
  const boot = { vmlinuz: from('boot', 'kernel'), initrd: from('boot', 'initrd') };
  const packed = { exclude: ['boot'] };
  const menu = { arch, title: 'Linux', cmdline };
  const disk = {
    ...menu,
    name: 'compose',
    label: 'BOOT',
    system: 'plain',
    ...(size !== undefined && { size }),
  };
  const biosDisk = { ...disk, layout: json(composeBiosLayout), bios: true, grubDir: 'boot/grub' };
  const grubDir = signed?.grubDir ?? '';
  const efiDisk = { ...disk, layout: json(composeEfiLayout), bios: false, grubDir };
  const iso = (bios: boolean) => ({ ...menu, label: menu.title, grubDir, bios });
  const signedBoot = { ...boot, ...LOADERS };
  const steps = [
    ...(tools?.steps ?? []),
    ...(signed?.steps ?? []),
    step('system', 'compose', { items: json(items) }),
    step('docker', 'compose', { items: json(withDockerfile(items)) }),
    step('boot', 'compose-boot', {}, tar),
    step('boot-tar', 'compose-boot', { form: 'tar' }, tar),
    step('root', 'compose-root', {}, tar),
    tooled('squashfs', 'filesystem', { format: 'squashfs', compression: 'gzip', ...packed }, root),
    tooled('erofs', 'filesystem', { format: 'erofs', compression: 'none', ...packed }, root),
    tooled('disk', 'disk', biosDisk, boot),
    ...CONVERTED.map((format) => tooled(format, 'convert', { format }, { raw: from('disk', 'raw') })),
    tooled('efi', 'disk', efiDisk, signedBoot),
    tooled('efi-qcow2', 'convert', { format: 'qcow2' }, { raw: from('efi', 'raw') }),
    { ...step('iso', 'iso', iso(true), signedBoot), ...signed?.isoTools },
    { ...step('iso-efi', 'iso', iso(false), signedBoot), ...signed?.isoTools },
  ];
  const artifacts = formats.flatMap((format) =>
    FORMATS[format]!.map(({ suffix, from }): Artifact => ({ name: `${name}${suffix}`, ...from })),
  );
  const once = [...new Map(artifacts.map((artifact) => [artifact.name, artifact])).values()];
  return { name: `compose-${name}`, steps: needed(steps, once), artifacts: once };
}
