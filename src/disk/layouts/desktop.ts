/** Disk of a system that is installed on it: boot loaders for UEFI and BIOS, and a root file system that grows. */
import { MIB, type DiskLayout } from '../layout.ts';
import { BIOS_BOOT_TYPE, ESP_TYPE } from './appliance.ts';

/** Root partitions by architecture: UAPI Group, Discoverable Partitions Specification. */
const ROOT_TYPE = {
  amd64: '4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709',
  arm64: 'B921B045-1DF0-41C3-AF44-4C6F280D3FAE',
};

function layout(name: string, rootType: string): DiskLayout {
  return {
    name,
    align: MIB,
    partitions: [
      { name: 'esp', type: ESP_TYPE, size: { bytes: 62 * MIB }, contents: 'esp' },
      { name: 'bios', type: BIOS_BOOT_TYPE, size: { bytes: MIB }, contents: 'bios-grub', biosOnly: true },
      // The last one, so that it can grow with the disk.
      { name: 'root', type: rootType, size: { times: 1, headroom: 0, min: MIB }, contents: 'root' },
    ],
  };
}

export const desktopLayout = layout('desktop', ROOT_TYPE.amd64);
export const desktopArm64Layout = layout('desktop-arm64', ROOT_TYPE.arm64);
