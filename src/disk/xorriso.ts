/** xorriso (libburnia 1.5.6), as mkisofs: makes an image that boots as a CD and as a USB stick. */

export interface IsoOptions {
  output: string;
  /** Volume id, see `volumeId`. */
  label: string;
  /** Seconds since the Unix epoch. */
  epoch: number;
  /** Paths on the image to paths in the sandbox. */
  files: ReadonlyMap<string, string>;
  /** File system image with the EFI loaders. */
  efi: string;
  /** For BIOS machines: GRUB's boot image, a path on the image, and the first sector for hard disks. */
  bios?: { eltorito: string; hybrid: string } | undefined;
}

/** Runs of other characters as one dash; ISO 9660 has room for 32. */
export function volumeId(text: string): string {
  return text
    .replaceAll(/[^A-Za-z0-9_]+/g, '-')
    .replaceAll(/^-|-$/g, '')
    .slice(0, 32);
}

/** `YYYYMMDDhhmmsscc` in UTC. */
function timestamp(epoch: number): string {
  return `${new Date(epoch * 1000).toISOString().replaceAll(/\D/g, '').slice(0, 14)}00`;
}

/** In a graft point, `=` and `\` of a path are escaped. */
function escapePath(path: string): string {
  return path.replaceAll(/[\\=]/g, '\\$&');
}

/**
 * The EFI image lies behind the file system, as a partition of a GPT and as what El Torito names: firmware finds it on a
 * disk as well as on a CD. The identities of the GPT follow from the modification date.
 */
export function isoArgv({ output, label, epoch, files, efi, bios }: IsoOptions): string[] {
  const time = timestamp(epoch);
  return [
    ...['xorriso', '-as', 'mkisofs', '-quiet', '-o', output, '-V', label],
    // Rock Ridge with everything root's; files beyond 4 GiB; longer names for Windows.
    ...['-r', '-iso-level', '3', '-J', '-joliet-long'],
    ...[`--modification-date=${time}`, '--set_all_file_dates', time],
    ...(bios === undefined
      ? []
      : [
          ...['-b', bios.eltorito, '-no-emul-boot', '-boot-load-size', '4', '-boot-info-table'],
          ...['--grub2-boot-info', '--grub2-mbr', bios.hybrid, '-eltorito-alt-boot'],
        ]),
    ...['-e', '--interval:appended_partition_2:all::', '-no-emul-boot'],
    ...['-append_partition', '2', '0xef', efi, '-appended_part_as_gpt', '-partition_offset', '16'],
    '-graft-points',
    ...[...files].map(([target, source]) => `/${escapePath(target)}=${escapePath(source)}`),
  ];
}
