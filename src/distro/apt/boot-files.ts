/** Where Debian and what comes from it keep what boots a machine: patterns of paths in an installed tree. */
import type { BootFiles } from '../types.ts';

/** What differs between them. */
export interface BootNames {
  /** Ends of the names of shim and of its key manager. */
  shimEnd: string;
  mmEnd: string;
  /** Directory on the ESP that is compiled into the signed GRUB, as `grubnetDir` is into that for networks. */
  grubDir: string;
}

export function aptBootFiles(
  { shimEnd, mmEnd, grubDir }: BootNames,
  efi: 'x64' | 'aa64',
  grubArch: string,
): BootFiles {
  return {
    vmlinuz: 'boot/vmlinuz-*',
    shim: `usr/lib/shim/shim${efi}${shimEnd}`,
    grub: `usr/lib/grub/${grubArch}-signed/grub${efi}.efi.signed`,
    grubnet: `usr/lib/grub/${grubArch}-signed/grubnet${efi}.efi.signed`,
    mm: `usr/lib/shim/mm${efi}${mmEnd}`,
    grubDir,
    grubnetDir: 'grub',
    exclude: [
      'boot/*',
      'usr/lib/shim',
      'usr/lib/grub',
      'vmlinuz',
      'vmlinuz.old',
      'initrd.img',
      'initrd.img.old',
    ],
  };
}
