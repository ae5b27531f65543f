/** Where a GRUB that is an EFI program looks for its configuration: the prefix that grub-mkimage compiled into it. */
import { readFile } from 'node:fs/promises';
import type { StepContext } from '../steps/types.ts';

/** `mimg`, which begins what lies behind GRUB's own code (include/grub/kernel.h). */
const MAGIC = Buffer.from('mimg', 'latin1');
const HEADER = 24;
const PREFIX = 3;

/** Path from the root of the file system that GRUB was started from, such as `EFI/debian`; undefined if it says none. */
export function grubPrefix(image: Buffer): string | undefined {
  for (let at = image.indexOf(MAGIC); at >= 0; at = image.indexOf(MAGIC, at + 1)) {
    const found = at + HEADER <= image.length ? prefixBehind(image, at) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Modules lie one behind the other, each with its kind and size before it. */
function prefixBehind(image: Buffer, header: number): string | undefined {
  const end = Math.min(header + Number(image.readBigUInt64LE(header + 16)), image.length);
  for (let at = header + Number(image.readBigUInt64LE(header + 8)); at + 8 <= end;) {
    const size = image.readUInt32LE(at + 4);
    if (size < 8) return undefined;
    if (image.readUInt32LE(at) === PREFIX) {
      const [text = ''] = image.toString('latin1', at + 8, Math.min(at + size, end)).split('\0');
      return text.replace(/^(?:\([^)]*\))?\/+|\/+$/g, '') || undefined;
    }
    at += size;
  }
  return undefined;
}

/** Where the GRUB of this input looks; what the distribution is known for counts where it does not say so itself. */
export async function grubDirectory(
  context: StepContext<{ grubDir: string }>,
  input: string,
): Promise<string> {
  const { grubDir } = context.params;
  if (!context.inputs.includes(input)) return grubDir;
  return grubPrefix(await readFile(context.path(input))) ?? grubDir;
}
