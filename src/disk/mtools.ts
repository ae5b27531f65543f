/** mtools: makes directories and copies files on a FAT volume inside a disk image. */

/** mtools' name for a volume that starts `offset` bytes into a file. */
export function fatImage(disk: string, offset: number): string {
  return `${disk}@@${offset}`;
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

/** The same in place of a file that is there. */
export function overwriteArgv(image: string, source: string, target: string): string[] {
  return ['mcopy', '-o', '-i', image, source, `::${target}`];
}

/** The other way; without `-n` it would ask before it writes over a file. */
export function readArgv(image: string, source: string, target: string): string[] {
  return ['mcopy', '-n', '-i', image, `::${source}`, target];
}
