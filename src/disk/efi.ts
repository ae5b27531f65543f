/** File names that UEFI firmware and shim look for (UEFI specification 2.10, 3.5.1.1; shim's build settings). */

export type EfiArch = 'amd64' | 'arm64';

export interface EfiNames {
  /** What firmware starts from removable media and the network. */
  removable: string;
  /** What shim starts, beside itself. */
  grub: string;
  /** shim's key manager, beside it. */
  mokManager: string;
}

export function efiNames(arch: EfiArch, own?: { grub: string; mm: string }): EfiNames {
  const suffix = { amd64: 'x64', arm64: 'aa64' }[arch];
  return {
    removable: `BOOT${suffix.toUpperCase()}.EFI`,
    grub: own?.grub ?? `grub${suffix}.efi`,
    mokManager: own?.mm ?? `mm${suffix}.efi`,
  };
}
