/** Where Debian keeps what boots a machine: patterns of paths in an installed tree, and the packages they come from. */

import type { BootFiles } from '../types.ts';

/** `grubDir` and `grubnetDir` are compiled into the signed programs. */
function bootFiles(packageArch: string, efi: 'x64' | 'aa64', grubArch: string): BootFiles {
  return {
    vmlinuz: 'boot/vmlinuz-*',
    shim: `usr/lib/shim/shim${efi}.efi.signed`,
    grub: `usr/lib/grub/${grubArch}-signed/grub${efi}.efi.signed`,
    grubnet: `usr/lib/grub/${grubArch}-signed/grubnet${efi}.efi.signed`,
    mm: `usr/lib/shim/mm${efi}.efi.signed`,
    grubDir: 'EFI/debian',
    grubnetDir: 'grub',
    packages: [
      `linux-image-${packageArch}`,
      'shim-signed',
      `grub-efi-${packageArch}-signed`,
      'busybox-static',
    ],
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

export const debianBoot: Record<'amd64' | 'arm64', BootFiles> = {
  amd64: bootFiles('amd64', 'x64', 'x86_64-efi'),
  arm64: bootFiles('arm64', 'aa64', 'arm64-efi'),
};
