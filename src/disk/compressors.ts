/** gzip, zstd and xz: one file in, standard output out; the same bytes on every machine. */
import { availableParallelism } from 'node:os';

export type Compressor = 'gz' | 'zst' | 'xz';

/** Blocks are cut by size, not by thread: with two or more the number of processors makes no difference. */
export function compressArgv(
  compressor: Compressor,
  file: string,
  threads = Math.max(2, availableParallelism()),
): string[] {
  switch (compressor) {
    case 'gz':
      return ['gzip', '-n', '-6', '-c', file];
    case 'zst':
      return ['zstd', '-q', '-10', `-T${threads}`, '-c', file];
    case 'xz':
      // What fills a disk is compressed already: higher levels take minutes for one percent.
      return ['xz', '-q', '-1', `-T${threads}`, '--block-size=16MiB', '-c', file];
  }
}

/** Program that unpacks a file with this extension to standard output; undefined when there is nothing to unpack. */
export function decompressArgv(file: string): string[] | undefined {
  const program = { xz: 'xz', zst: 'zstd', gz: 'gzip' }[file.slice(file.lastIndexOf('.') + 1)];
  return program === undefined ? undefined : [program, '-q', '-d', '-c', file];
}
