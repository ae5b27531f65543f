import type { BootFiles } from '../types.ts';

const EFI: Record<string, string> = { amd64: 'x64', arm64: 'aa64' };

/** Of Red Hat's family: the loaders lie where they are on the ESP. One GRUB is for disks and for the network. */
export function redHatBoot(vendor: string): Record<string, BootFiles> {
  return Object.fromEntries(
    Object.entries(EFI).map(([arch, efi]) => {
      const dir = `boot/efi/EFI/${vendor}`;
      const grub = `${dir}/grub${efi}.efi`;
      const boot: BootFiles = {
        vmlinuz: 'usr/lib/modules/*/vmlinuz',
        ...{ shim: `${dir}/shim${efi}.efi`, grub, grubnet: grub, mm: `${dir}/mm${efi}.efi` },
        ...{ grubDir: `EFI/${vendor}`, grubnetDir: `EFI/${vendor}` },
        exclude: ['boot/*', 'usr/lib/modules/*/vmlinuz'],
      };
      return [arch, boot];
    }),
  );
}
