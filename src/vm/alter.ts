/** Tampers with the boot files of a private copy of a disk, for tests that must be refused. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { efiNames } from '../disk/efi.ts';
import { slotFile } from '../disk/boot-slots.ts';
import { fatImage } from '../disk/mtools.ts';
import { OsmithError } from '../errors.ts';
import type { BootPart } from './diagnose.ts';
import type { Arch } from './firmware.ts';
import { findEsp } from './gpt.ts';
import { flipBit, stripSignature } from './pe.ts';
import { runTool, type Tools } from './tools.ts';

/** One bit in the middle is the other way round, whatever it means. */
function damage(file: Buffer): Buffer {
  const copy = Buffer.from(file);
  const at = copy.length >> 1;
  copy[at] = copy[at]! ^ 1;
  return copy;
}

/** What can be done to a file; each new content is made from the old. */
export const CHANGES = {
  'flip-bit': flipBit,
  'strip-signature': stripSignature,
  damage,
} as const satisfies Record<string, (file: Buffer) => Buffer>;

export interface Alteration {
  /** A part of the boot chain, or a path on the EFI system partition. */
  file: string;
  change: keyof typeof CHANGES;
}

/** Where a part lies on the EFI system partition. */
export function espPath(file: string, arch: Arch): string {
  const parts: Record<BootPart, string> = {
    shim: `EFI/BOOT/${efiNames(arch).removable}`,
    grub: `EFI/BOOT/${efiNames(arch).grub}`,
    kernel: slotFile('a', 'vmlinuz'),
  };
  return parts[file as BootPart] ?? file;
}

/** Changes one file on the disk's EFI system partition. `dir`: for temporary files. */
export async function alterDisk(
  tools: Tools,
  disk: string,
  dir: string,
  arch: Arch,
  { file, change }: Alteration,
): Promise<void> {
  const path = espPath(file, arch);
  const image = fatImage(disk, await findEsp(disk));
  const local = join(dir, 'altered');
  const options = { write: [dir], env: { MTOOLS_SKIP_CHECK: '1', TZ: 'UTC' } };
  await runTool(tools, ['mcopy', '-n', '-i', image, `::${path}`, local], options);
  try {
    const before = await readFile(local);
    await writeFile(local, CHANGES[change](before));
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new OsmithError('E_TEST', `Cannot change ${path}: ${cause.message}`, { cause });
  }
  await runTool(tools, ['mcopy', '-o', '-i', image, local, `::${path}`], options);
  await rm(local);
}
