/** mtools: makes directories and copies files on a FAT volume inside a disk image. */

/** mtools' name for a volume that starts `offset` bytes into a file. */
export function fatImage(disk: string, offset: number): string {
  return `${disk}@@${offset}`;
}

/** FAT counts from 1980 on; of an earlier time mtools makes a year such as 2098. Seconds since the Unix epoch. */
const FIRST_TIME = Date.UTC(1980, 0, 1) / 1000;

/** For programs that write to a volume: time stamps are `epoch`, and FAT stores local time. */
export function mtoolsEnv(epoch: number): Record<string, string> {
  const time = String(Math.max(epoch, FIRST_TIME));
  return { TZ: 'UTC', MTOOLS_SKIP_CHECK: '1', SOURCE_DATE_EPOCH: time };
}

/** Every directory above these files, parents first, in bytewise order. */
export function directoriesOf(files: readonly string[]): string[] {
  const all = files.flatMap((file) => {
    const parts = file.split('/').slice(0, -1);
    return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
  });
  return [...new Set(all)].sort();
}

/** `clash`: what happens to those that are there; `s`: nothing, though mmd then ends with 1. */
export function mmdArgv(image: string, directories: readonly string[], clash?: 's'): string[] {
  const skip = clash === undefined ? [] : ['-D', clash];
  return ['mmd', ...skip, '-i', image, ...directories.map((directory) => `::${directory}`)];
}

/** Time stamps come from SOURCE_DATE_EPOCH; without `-m` those of the source are not looked at. */
export function mcopyArgv(image: string, source: string, target: string): string[] {
  return ['mcopy', '-i', image, source, `::${target}`];
}

/** Several files, in this order, into a directory (empty: the root), under the names that they have. */
export function mcopyAllArgv(image: string, sources: readonly string[], directory: string): string[] {
  return ['mcopy', '-i', image, ...sources, `::${directory}/`];
}

/** The same in place of a file that is there. */
export function overwriteArgv(image: string, source: string, target: string): string[] {
  return ['mcopy', '-o', '-i', image, source, `::${target}`];
}

/** The other way; without `-n` it would ask before it writes over a file. */
export function readArgv(image: string, source: string, target: string): string[] {
  return ['mcopy', '-n', '-i', image, `::${source}`, target];
}
