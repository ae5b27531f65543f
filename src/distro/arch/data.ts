/** Where Arch Linux keeps what boots a machine. Its boot loaders are signed by nobody: shim comes with none of its keys. */
import type { DistroData } from '../types.ts';

export const archData: DistroData = {
  title: 'Arch Linux',
  boot: {
    amd64: {
      vmlinuz: 'usr/lib/modules/*/vmlinuz',
      shim: 'usr/share/shim-signed/shimx64.efi',
      grub: 'usr/share/shim-signed/grubx64.efi',
      grubnet: 'usr/share/shim-signed/grubnetx64.efi',
      mm: 'usr/share/shim-signed/mmx64.efi',
      grubDir: 'EFI/arch',
      grubnetDir: 'grub',
      packages: ['linux', 'grub', 'busybox'],
      exclude: ['boot/*', 'usr/share/shim-signed', 'usr/lib/modules/*/vmlinuz'],
    },
  },
};
