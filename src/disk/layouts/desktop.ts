/** Disks of systems that are installed on them: boot loaders, and a root file system that grows. */
import { layoutSchema, MIB, SECTOR, type PartitionSpec } from '../layout.ts';
import { BIOS_BOOT_TYPE, DOS_ESP, DOS_LINUX, ESP_TYPE, LINUX_TYPE, ROOT_TYPE } from './types.ts';

const fits = { times: 1, headroom: 0, min: MIB };

/** The last one, so that it can grow with the disk. */
function root(type: string, more: Partial<PartitionSpec> = {}): PartitionSpec {
  return { name: 'root', type, size: fits, contents: 'image', grows: true, ...more };
}

function esp(type: string, mib: number): PartitionSpec {
  return { name: 'esp', type, size: { bytes: mib * MIB }, contents: 'esp' };
}

const bios: PartitionSpec = {
  ...{ name: 'bios', type: BIOS_BOOT_TYPE, size: { bytes: MIB } },
  ...{ contents: 'bios-grub', biosOnly: true },
};

/** PCs: UEFI and BIOS. */
export const desktopLayout = layoutSchema.parse({
  ...{
    name: 'desktop',
    align: MIB,
    arch: ['amd64'],
    partitions: [esp(ESP_TYPE, 62), bios, root(ROOT_TYPE.amd64)],
  },
});

/** Other machines with UEFI. */
export const desktopArm64Layout = layoutSchema.parse({
  ...{
    name: 'desktop-arm64',
    align: MIB,
    arch: ['arm64'],
    partitions: [esp(ESP_TYPE, 62), root(ROOT_TYPE.arm64)],
  },
});

/** systemd-boot: kernels lie on the EFI system partition, which is therefore large. UEFI only. */
export const sdbootLayout = layoutSchema.parse({
  ...{
    name: 'systemd-boot',
    align: MIB,
    arch: ['amd64'],
    partitions: [esp(ESP_TYPE, 500), root(ROOT_TYPE.amd64)],
  },
});

/** For PCs whose firmware knows DOS tables only. GRUB's core lies in the gap before the first partition. */
export const dosLayout = layoutSchema.parse({
  ...{ name: 'dos', table: 'dos', align: MIB, arch: ['amd64'] },
  partitions: [esp(DOS_ESP, 62), root(DOS_LINUX, { bootable: true })],
  blobs: [{ input: 'bios-grub', start: SECTOR, max: MIB - SECTOR }],
});

/** The second disk of a system that has two. */
export const extraLayout = layoutSchema.parse({
  ...{ name: 'extra', align: MIB },
  partitions: [{ name: 'extra', type: LINUX_TYPE, size: fits, contents: 'image' }],
});
