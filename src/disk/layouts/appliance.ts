/** Disk of a system that runs from memory: boot files only. */
import { layoutSchema, MIB } from '../layout.ts';
import { BIOS_BOOT_TYPE, ESP_TYPE } from './types.ts';

export const applianceLayout = layoutSchema.parse({
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
});
