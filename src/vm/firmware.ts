/** What machines can be emulated: architectures, firmware, and where the tools tree keeps the firmware's files. */

export const ARCHES = ['amd64', 'arm64'] as const;
export type Arch = (typeof ARCHES)[number];

/**
 * `uefi-secure`: UEFI that enforces Secure Boot with Microsoft's keys; `uefi`: Secure Boot off; `bios`: a legacy BIOS;
 * `direct`: no boot loader, QEMU loads kernel and initrd itself.
 */
export const FIRMWARES = ['uefi-secure', 'uefi', 'bios', 'direct'] as const;
export type Firmware = (typeof FIRMWARES)[number];

/** Packages (Debian's names) of the tools tree that machines of an architecture run in. */
export function vmPackages(arch: Arch): string[] {
  const machine = arch === 'amd64' ? ['qemu-system-x86', 'ovmf'] : ['qemu-system-arm', 'qemu-efi-aarch64'];
  return [...machine, 'mtools'];
}

export interface FirmwareFiles {
  /** The code, mapped read-only. */
  code: string;
  /** Template of the variable store, with the keys enrolled for `uefi-secure`; each machine gets its own copy. */
  vars: string;
}

const AMD64 = '/usr/share/OVMF';
const ARM64 = '/usr/share/AAVMF';

/** Firmware with SMM keeps the guest from writing the variable store behind Secure Boot's back. */
export function usesSmm(arch: Arch, firmware: Firmware): boolean {
  return arch === 'amd64' && firmware === 'uefi-secure';
}

/** UEFI's files inside the tools tree; undefined for firmware that is built into QEMU. */
export function firmwareFiles(arch: Arch, firmware: Firmware, smm: boolean): FirmwareFiles | undefined {
  if (firmware === 'bios' || firmware === 'direct') return undefined;
  const keys = firmware === 'uefi-secure' ? '.ms' : '';
  if (arch === 'arm64') {
    return { code: `${ARM64}/AAVMF_CODE${keys}.fd`, vars: `${ARM64}/AAVMF_VARS${keys}.fd` };
  }
  const code = smm ? 'OVMF_CODE_4M.secboot.fd' : 'OVMF_CODE_4M.fd';
  return { code: `${AMD64}/${code}`, vars: `${AMD64}/OVMF_VARS_4M${keys}.fd` };
}

/** Why this combination cannot be, in words; undefined if it can. */
export function unsupported(arch: Arch, firmware: Firmware): string | undefined {
  return arch === 'arm64' && firmware === 'bios' ? 'arm64 machines have no BIOS' : undefined;
}
