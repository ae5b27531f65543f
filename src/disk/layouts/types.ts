/** Partition types. */

/** UEFI specification 2.10, 5.3.3. */
export const ESP_TYPE = 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B';
/** GRUB manual, "BIOS installation". */
export const BIOS_BOOT_TYPE = '21686148-6449-6E6F-744E-656564454649';
/** Root partitions by architecture: UAPI Group, Discoverable Partitions Specification. */
export const ROOT_TYPE = {
  amd64: '4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709',
  arm64: 'B921B045-1DF0-41C3-AF44-4C6F280D3FAE',
};
/** A file system of Linux, whatever it is for. */
export const LINUX_TYPE = '0FC63DAF-8483-4772-8E79-3D69D8477DE4';
/** What Windows and macOS mount: UEFI specification 2.10, 5.3.3. */
export const BASIC_DATA_TYPE = 'EBD0A0A2-B9E5-4433-87C0-68B6B72699C7';
/** In DOS tables. */
export const DOS_ESP = 'ef';
export const DOS_LINUX = '83';
