/** mkfs.erofs (erofs-utils 1.8): packs a tar stream into an EROFS image. */

export const EROFS_COMPRESSIONS = ['none', 'lz4', 'lz4hc', 'zstd', 'lzma', 'deflate'] as const;
export type ErofsCompression = (typeof EROFS_COMPRESSIONS)[number];

export interface ErofsOptions {
  output: string;
  compression: ErofsCompression;
  level?: number | undefined;
  /** Seconds since the Unix epoch. */
  epoch: number;
  uuid: string;
}

/** Reads a tar on standard input. */
export function mkfsErofsArgv(options: ErofsOptions): string[] {
  const { output, compression, level, epoch, uuid } = options;
  const argv = ['mkfs.erofs', '--quiet', '--tar=f', '-U', uuid, '-T', String(epoch), '--mkfs-time'];
  if (compression !== 'none') {
    argv.push('-z', level === undefined ? compression : `${compression},${level}`, '-C', '65536');
  }
  return [...argv, output];
}
