/**
 * What starts a deployed system: GRUB, which runs OSTree's own entries; or systemd-boot, for which entries and kernels lie on
 * the EFI system partition too, and follow those of OSTree in the running system (workspace/data/desktop/boot-entries).
 */
import type { Config } from '../config/index.ts';
import type { BootFiles } from '../distro/types.ts';
import { boardFirmware, type Firmware } from './boards.ts';
import type { StepInput } from './types.ts';

export interface Loader {
  /** For the step that makes the disk. */
  system: 'ostree' | 'systemd-boot';
  /** Whether it starts on machines without UEFI. */
  bios: boolean;
  /** Files of the boot loaders and of the system, by what they are, and the tree that has them. */
  files: Record<string, string>;
  tree: StepInput;
  /** Those of them that go on the disk's EFI system partition. */
  onEsp: string[];
  /** What a board needs besides, from the same tree. */
  firmware: Firmware;
}

export interface Trees {
  /** What was committed; absent: that was made elsewhere. */
  root?: StepInput | undefined;
  sysroot: StepInput;
  /** Name of the operating system in the sysroot. */
  os: string;
}

/** Where a file of the system lies in the sysroot. */
function insideOf(os: string): (path: string) => string {
  return (path) => `ostree/deploy/${os}/deploy/*/${path}`;
}

/** What starts a deployment, by GRUB, as it lies in the sysroot. */
export function deployedBoot({ shim, grub, mm }: BootFiles, os: string): Record<string, string> {
  const inside = insideOf(os);
  return {
    vmlinuz: 'boot/ostree/*/vmlinuz-*',
    initrd: 'boot/ostree/*/initramfs-*',
    entry: 'boot/loader.*/entries/ostree-*.conf',
    ...{ shim: inside(shim), grub: inside(grub), mm: inside(mm) },
  };
}

export function loaderOf(
  config: Config,
  arch: string,
  boot: BootFiles,
  { root, sysroot, os }: Trees,
): Loader {
  const { vmlinuz, shim, grub, mm } = boot;
  const { grub: deployedGrub, initrd, entry, ...deployed } = deployedBoot(boot, os);
  if (config.get('image', 'layout') === 'systemd-boot') {
    const files = {
      ...deployed,
      sdboot: `ostree/deploy/${os}/deploy/*/usr/lib/systemd/boot/efi/systemd-boot*.efi.signed`,
      initrd: initrd!,
      entry: entry!,
    };
    const firmware = boardFirmware(config, insideOf(os));
    const onEsp = Object.keys(files);
    return { system: 'systemd-boot', bios: false, files, tree: sysroot, onEsp, firmware };
  }
  const found =
    root === undefined
      ? { files: { ...deployed, grub: deployedGrub! }, tree: sysroot }
      : { files: { vmlinuz, shim, grub, mm }, tree: root };
  const firmware = boardFirmware(config, root === undefined ? insideOf(os) : (path) => path);
  return { system: 'ostree', bios: arch === 'amd64', ...found, onEsp: ['shim', 'grub', 'mm'], firmware };
}
