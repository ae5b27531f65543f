/** Where openSUSE keeps what boots a machine: its loaders have names without an architecture, and GRUB has no prefix. */
import type { BootFiles, DistroData } from '../types.ts';

/** shim begins what is called so beside it; GRUB reads the configuration that is beside itself. */
const NAMES = { grub: 'grub.efi', mm: 'MokManager.efi' };

/** `machine`: as shim's directory is called; `platform`: as GRUB's is; `kernel`: the file in the modules' directory. */
function suseBoot(machine: string, platform: string, kernel: string): BootFiles {
  const grub = `usr/share/grub2/${platform}/grub.efi`;
  return {
    vmlinuz: `usr/lib/modules/*/${kernel}`,
    // The one that is signed for the product: shim.efi is a link to it.
    shim: `usr/share/efi/${machine}/shim-*.efi`,
    ...{ grub, grubnet: grub, mm: `usr/share/efi/${machine}/MokManager.efi` },
    ...{ names: NAMES, grubDir: 'EFI/BOOT', grubnetDir: '.' },
    exclude: ['boot/*', 'usr/share/efi', 'usr/share/grub2', `usr/lib/modules/*/${kernel}`],
  };
}

export const opensuseData: DistroData = {
  title: 'openSUSE',
  boot: {
    amd64: suseBoot('x86_64', 'x86_64-efi', 'vmlinuz'),
    arm64: suseBoot('aarch64', 'arm64-efi', 'Image'),
  },
};
