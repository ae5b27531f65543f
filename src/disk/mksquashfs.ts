/** mksquashfs (squashfs-tools 4.6): packs a tar stream into a SquashFS image. */

export const SQUASHFS_COMPRESSIONS = ['zstd', 'xz', 'lz4', 'gzip', 'lzo'] as const;
export type SquashfsCompression = (typeof SQUASHFS_COMPRESSIONS)[number];

/** xz has no levels; lz4 has only "high". */
function levelOption(compression: SquashfsCompression, level: number | undefined): string[] {
  if (level === undefined || compression === 'xz') return [];
  if (compression === 'lz4') return level > 1 ? ['-Xhc'] : [];
  return ['-Xcompression-level', String(level)];
}

/** Files of the working directory, readable by all, alone in an image. Times are SOURCE_DATE_EPOCH's at most. */
export function packFilesArgv(
  files: readonly string[],
  output: string,
  compression: SquashfsCompression,
  level?: number,
): string[] {
  const argv = ['mksquashfs', ...files, output, '-noappend', '-quiet', '-no-progress', '-no-xattrs'];
  argv.push(
    '-all-root',
    '-root-mode',
    '0755',
    '-action',
    'chmod(0444)@true',
    '-b',
    '128K',
    '-comp',
    compression,
  );
  return [...argv, ...levelOption(compression, level)];
}

/**
 * Reads a tar on standard input. The superblock's time comes from SOURCE_DATE_EPOCH; the order of files is sorted by
 * mksquashfs itself and does not depend on the number of processors.
 */
export function mksquashfsArgv(output: string, compression: SquashfsCompression, level?: number): string[] {
  const argv = ['mksquashfs', '-', output, '-tar', '-noappend', '-quiet', '-no-progress', '-xattrs'];
  // mksquashfs ignores the tar's entry for the root directory; all other parents are in the tar.
  argv.push('-root-mode', '0755');
  argv.push('-b', '256K', '-comp', compression);
  return [...argv, ...levelOption(compression, level)];
}
