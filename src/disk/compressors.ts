/** gzip, zstd and xz: one file in, standard output out; the same bytes on every machine. */

export type Compressor = 'gz' | 'zst' | 'xz';

/** The settings do not depend on the number of processors: blocks are cut by size, not by thread. */
export function compressArgv(compressor: Compressor, file: string): string[] {
  switch (compressor) {
    case 'gz':
      return ['gzip', '-n', '-6', '-c', file];
    case 'zst':
      return ['zstd', '-q', '-10', '-T2', '-c', file];
    case 'xz':
      // What fills a disk is compressed already: higher levels take minutes for one percent.
      return ['xz', '-q', '-1', '-T2', '--block-size=16MiB', '-c', file];
  }
}

/** Program that unpacks a file with this extension to standard output; undefined when there is nothing to unpack. */
export function decompressArgv(file: string): string[] | undefined {
  const program = { xz: 'xz', zst: 'zstd', gz: 'gzip' }[file.slice(file.lastIndexOf('.') + 1)];
  return program === undefined ? undefined : [program, '-q', '-d', '-c', file];
}
