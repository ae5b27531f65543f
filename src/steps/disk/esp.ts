/** What goes on the EFI system partition of a disk image: boot loaders, and for most systems kernel and initrd. */
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  buildId,
  formatEnvironment,
  formatSlotConfig,
  GRUBENV,
  slotConfig,
  slotDirectory,
  slotFile,
  type SlotPart,
} from '../../disk/boot-slots.ts';
import { efiNames } from '../../disk/efi.ts';
import { grubDirectory } from '../../disk/grub-prefix.ts';
import { diskGrubConfig, plainGrubConfig, selectorGrubConfig } from '../../disk/grub-config.ts';
import { ostreeGrubConfig } from '../../disk/grub-ostree.ts';
import { entryOptions, loaderConf, loaderEntry } from '../../disk/sdboot.ts';
import { OsmithError } from '../../errors.ts';
import type { StepContext } from '../types.ts';
import type { Params } from './params.ts';

type Context = StepContext<Params>;

export interface EspFile {
  /** Path in the sandbox. */
  source: string;
  /** Path on the ESP. */
  target: string;
  size: number;
}

/** Directories that are there from the start: an update then changes none that both slots need. */
const SLOT_DIRECTORIES = [slotDirectory('b'), 'osmith/state'];

async function fromInput(context: Context, input: string, target: string): Promise<EspFile> {
  return { source: `/in/${input}`, target, size: (await stat(context.path(input))).size };
}

/** A text that is made here. */
async function fromText(context: Context, target: string, text: string): Promise<EspFile> {
  const name = `esp-${target.replaceAll('/', '-')}`;
  await writeFile(join(context.work, name), text);
  return { source: `/work/${name}`, target, size: Buffer.byteLength(text) };
}

/** The firmware starts shim, which starts what is beside it under GRUB's name: GRUB, or another that Debian signed. */
async function loaderFiles(context: Context): Promise<EspFile[]> {
  const names = efiNames(context.params.arch, context.params.names);
  const files: [input: string, target: string][] = [
    ['shim', `EFI/BOOT/${names.removable}`],
    [context.params.system === 'systemd-boot' ? 'sdboot' : 'grub', `EFI/BOOT/${names.grub}`],
    ['mm', `EFI/BOOT/${names.mokManager}`],
  ];
  const given = files.filter(([input]) => context.inputs.includes(input));
  return Promise.all(given.map(([input, target]) => fromInput(context, input, target)));
}

function grubConfig(context: Context): string {
  const { system, title, cmdline, choices } = context.params;
  if (system === 'slots') return diskGrubConfig(title);
  if (system === 'plain') return plainGrubConfig({ title, cmdline, choices });
  if (system === 'selector') return selectorGrubConfig({ title, cmdline });
  const { uuid } = context.facts('root');
  if (typeof uuid === 'string') return ostreeGrubConfig(title, uuid);
  throw new OsmithError('E_INTERNAL', 'The root file system does not say its UUID');
}

/** The system in slot a. */
async function slotFiles(context: Context): Promise<EspFile[]> {
  const { name, cmdline } = context.params;
  const parts = ['vmlinuz', 'initrd'].map((part): SlotPart => {
    const { size, digest } = context.blob(part);
    return { name: part, size, sha256: digest };
  });
  const system = { name, cmdline, build: buildId(parts), epoch: context.epoch, issued: 0, parts };
  return [
    await fromText(context, GRUBENV, formatEnvironment({ slot: 'a' })),
    await fromInput(context, 'vmlinuz', slotFile('a', 'vmlinuz')),
    await fromInput(context, 'initrd', slotFile('a', 'initrd')),
    await fromText(context, slotConfig('a'), formatSlotConfig('a', system)),
  ];
}

/** systemd-boot reads no file system but the ESP: kernel and initrd lie there, started as the system's own entry says. */
async function sdbootFiles(context: Context): Promise<EspFile[]> {
  const [linux, initrd] = ['osmith/vmlinuz', 'osmith/initrd'];
  const entry = context.inputs.includes('entry') ? await readFile(context.path('entry'), 'utf8') : '';
  const { title, cmdline } = context.params;
  const options = entryOptions(entry) ?? cmdline;
  return [
    await fromInput(context, 'vmlinuz', linux),
    await fromInput(context, 'initrd', initrd),
    await fromText(context, 'loader/loader.conf', loaderConf()),
    await fromText(context, 'loader/entries/osmith.conf', loaderEntry({ title, linux, initrd, options })),
  ];
}

/** What GRUB is to do. */
async function menuFiles(context: Context): Promise<EspFile[]> {
  const { system } = context.params;
  if (system === 'none' || system === 'systemd-boot') return [];
  const grubDir = await grubDirectory(context, 'grub');
  return [await fromText(context, `${grubDir}/grub.cfg`, grubConfig(context))];
}

async function systemFiles(context: Context): Promise<EspFile[]> {
  const { system } = context.params;
  if (system === 'systemd-boot') return sdbootFiles(context);
  if (system === 'slots') return slotFiles(context);
  if (system !== 'plain' && system !== 'selector') return [];
  return Promise.all(['vmlinuz', 'initrd'].map((input) => fromInput(context, input, input)));
}

/** All files of a set, in bytewise order of their names. */
async function fromSet(context: Context, input: string, directory: string): Promise<EspFile[]> {
  const names = (await readdir(context.path(input))).sort();
  return Promise.all(
    names.map(async (name) => ({
      source: `/in/${input}/${name}`,
      target: directory === '.' ? name : `${directory}/${name}`,
      size: (await stat(join(context.path(input), name))).size,
    })),
  );
}

export interface EspContents {
  /** In the order in which they are to lie there. */
  files: EspFile[];
  /** Those that are empty at first. */
  directories: string[];
  /** Paths of the boot loaders and what they read first, without the system. */
  loaders: string[];
}

export async function espContents(context: Context): Promise<EspContents> {
  const { system, files, sets } = context.params;
  const loaders = [...(await loaderFiles(context)), ...(await menuFiles(context))];
  const further = [
    ...(await Promise.all(Object.entries(files).map(([target, input]) => fromInput(context, input, target)))),
    ...(await Promise.all(Object.entries(sets).map(([dir, input]) => fromSet(context, input, dir)))).flat(),
  ];
  return {
    files: [...loaders, ...(await systemFiles(context)), ...further],
    directories: system === 'slots' ? SLOT_DIRECTORIES : [],
    loaders: [...loaders, ...further].map(({ target }) => target),
  };
}
