/** Disks of composed systems: boot loader, kernel and initrd on one FAT volume. */
import { layoutSchema, MIB, SECTOR } from '../layout.ts';
import { DOS_ESP, ESP_TYPE } from './types.ts';

/** Once the contents, and what FAT itself takes. FAT32 has no smaller ones. */
const BOOT_SIZE = { times: 1, headroom: 16 * MIB, min: 48 * MIB };

/** For BIOS machines: GRUB's core lies in the gap before the volume. */
export const composeBiosLayout = layoutSchema.parse({
  ...{ name: 'compose-bios', table: 'dos', align: MIB, arch: ['amd64'] },
  partitions: [
    {
      ...{ name: 'boot', type: DOS_ESP, contents: 'esp', bootable: true },
      size: BOOT_SIZE,
    },
  ],
  blobs: [{ input: 'bios-grub', start: SECTOR, max: MIB - SECTOR }],
});

/** For machines with UEFI. */
export const composeEfiLayout = layoutSchema.parse({
  ...{ name: 'compose-efi', align: MIB },
  partitions: [{ name: 'boot', type: ESP_TYPE, contents: 'esp', size: BOOT_SIZE }],
});
