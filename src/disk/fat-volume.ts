/** Makes a FAT file system in its place in a file and fills it, one file after the other: the order is the layout. */
import type { StepContext } from '../steps/types.ts';
import { mkfsVfatArgv, type FatVolume } from './mkfs-vfat.ts';
import { directoriesOf, fatImage, mcopyArgv, mmdArgv } from './mtools.ts';

/** Paths in the sandbox to paths on the volume. */
export interface FatFile {
  source: string;
  target: string;
}

export async function writeFatVolume(
  context: Pick<StepContext<unknown>, 'exec'>,
  volume: FatVolume,
  files: readonly FatFile[],
  emptyDirectories: readonly string[] = [],
): Promise<void> {
  await context.exec({ argv: mkfsVfatArgv(volume) });
  const image = fatImage(volume.disk, volume.start);
  // FAT stores local time.
  const env = { TZ: 'UTC', MTOOLS_SKIP_CHECK: '1' };
  const directories = directoriesOf([
    ...files.map(({ target }) => target),
    ...emptyDirectories.map((directory) => `${directory}/`),
  ]);
  if (directories.length > 0) await context.exec({ argv: mmdArgv(image, directories), env });
  for (const { source, target } of files) await context.exec({ argv: mcopyArgv(image, source, target), env });
}
