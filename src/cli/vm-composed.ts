/** What `osmith compose` wrote, as a machine: files that share the first part of their names. */
import { readFile, stat } from 'node:fs/promises';
import { OsmithError } from '../errors.ts';
import type { Arch, Firmware } from '../vm/firmware.ts';
import type { VmSpec } from '../vm/vm.ts';

/** Disks that a firmware can boot, best first: what comes behind the name. */
const DISKS: Record<Exclude<Firmware, 'direct'>, string[]> = {
  'uefi-secure': ['-efi.img', '-efi.qcow2', '-efi.iso', '-efi-initrd.iso'],
  uefi: ['-efi.img', '-efi.qcow2', '-efi.iso', '-efi-initrd.iso'],
  bios: ['-bios.img', '.qcow2', '.iso'],
};

export interface ComposedMachine {
  arch: Arch;
  /** For messages. */
  name: string;
  kernel?: VmSpec['kernel'];
  disks: NonNullable<VmSpec['disks']>;
}

async function exists(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined))?.isFile() === true;
}

function missing(name: string, files: string[], format: string): OsmithError {
  return new OsmithError('E_NO_IMAGE', `There is no ${files.join(', no ')}`, {
    hint: `\`osmith compose FILE.yml --format ${format} --output ${name}\` makes it`,
  });
}

/** The machine of `osmith compose --output NAME`. Throws E_NO_IMAGE for what is not there. */
export async function composedMachine(
  name: string,
  arch: Arch,
  firmware: Firmware,
): Promise<ComposedMachine> {
  if (firmware === 'direct') {
    const [kernel, initrd, cmdline] = ['-kernel', '-initrd.img', '-cmdline'].map((part) => name + part) as [
      string,
      string,
      string,
    ];
    for (const file of [kernel, initrd, cmdline])
      if (!(await exists(file))) throw missing(name, [file], 'kernel+initrd');
    const line = (await readFile(cmdline, 'utf8')).trim();
    return { arch, name, kernel: { file: kernel, initrd, cmdline: line }, disks: [] };
  }
  const candidates = DISKS[firmware].map((suffix) => name + suffix);
  for (const file of candidates)
    if (await exists(file))
      return { arch, name, disks: [{ file, format: file.endsWith('.qcow2') ? 'qcow2' : 'raw' }] };
  throw missing(name, candidates, firmware === 'bios' ? 'raw-bios' : 'raw-efi');
}
