/** Makes a FAT file system in its place in a file and fills it, one file after the other: the order is the layout. */
import { posix } from 'node:path';
import type { StepContext } from '../steps/types.ts';
import { mkfsVfatArgv, type FatVolume } from './mkfs-vfat.ts';
import { directoriesOf, fatImage, mcopyAllArgv, mcopyArgv, mmdArgv, mtoolsEnv } from './mtools.ts';

/** Paths in the sandbox to paths on the volume. */
export interface FatFile {
  source: string;
  target: string;
}

/** An argument list is no longer than this. */
const MOST_AT_ONCE = 100;

const keepsName = ({ source, target }: FatFile) => posix.basename(source) === posix.basename(target);

/** Runs of files that one program can copy: starting one takes longer than what it does. */
function batches(files: readonly FatFile[]): FatFile[][] {
  const runs: FatFile[][] = [];
  for (const file of files) {
    const last = runs.at(-1);
    const together =
      last !== undefined &&
      last.length < MOST_AT_ONCE &&
      [last[0]!, file].every(keepsName) &&
      posix.dirname(last[0]!.target) === posix.dirname(file.target);
    if (together) last.push(file);
    else runs.push([file]);
  }
  return runs;
}

function copyArgv(image: string, batch: readonly FatFile[]): string[] {
  const { source, target } = batch[0]!;
  if (batch.length === 1) return mcopyArgv(image, source, target);
  const directory = posix.dirname(target);
  const sources = batch.map((file) => file.source);
  return mcopyAllArgv(image, sources, directory === '.' ? '' : directory);
}

export async function writeFatVolume(
  context: Pick<StepContext<unknown>, 'exec' | 'epoch'>,
  volume: FatVolume,
  files: readonly FatFile[],
  emptyDirectories: readonly string[] = [],
): Promise<void> {
  await context.exec({ argv: mkfsVfatArgv(volume) });
  const image = fatImage(volume.disk, volume.start);
  const env = mtoolsEnv(context.epoch);
  const directories = directoriesOf([
    ...files.map(({ target }) => target),
    ...emptyDirectories.map((directory) => `${directory}/`),
  ]);
  if (directories.length > 0) await context.exec({ argv: mmdArgv(image, directories), env });
  for (const batch of batches(files)) await context.exec({ argv: copyArgv(image, batch), env });
}
