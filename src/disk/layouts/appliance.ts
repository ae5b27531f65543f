/** Disk of a system that runs from memory: boot files only. */
import { MIB, type DiskLayout } from '../layout.ts';

/** Partition types: UEFI specification 2.10, 5.3.3; GRUB manual, "BIOS installation". */
export const ESP_TYPE = 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B';
export const BIOS_BOOT_TYPE = '21686148-6449-6E6F-744E-656564454649';

export const applianceLayout: DiskLayout = {
  name: 'appliance',
  align: MIB,
  partitions: [
    {
      name: 'bios',
      type: BIOS_BOOT_TYPE,
      size: { bytes: MIB },
      contents: 'bios-grub',
      biosOnly: true,
    },
    {
      name: 'esp',
      type: ESP_TYPE,
      // Twice the contents: an update writes the second slot while the first stays bootable.
      size: { times: 2, headroom: 64 * MIB, min: 128 * MIB },
      contents: 'esp',
    },
  ],
};
