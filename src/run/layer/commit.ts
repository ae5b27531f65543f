/** Turns a tar of an overlay's upper directory, or of any tree, into a layer in canonical form. */
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { indexTar } from './index.ts';
import { tarStream, type Part } from './stream.ts';
import { fromOverlay } from './whiteout.ts';

/** GNU tar's options to read a directory with all that a layer keeps. */
const EXACT = [
  ...['--numeric-owner', '--xattrs', '--xattrs-include=*', '--sort=name', '--format=pax'],
  '--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime',
];

/**
 * Writes a directory as a tar to standard output. What is newer than `epoch` (seconds) gets that time in the directory
 * itself too: those who see the directory must see the same as those who see the layer.
 */
export function captureArguments(dir: string, epoch: number): string[] {
  const clamp = 'find "$1" -newermt "@$2" -exec touch -h -d "@$2" {} +; shift 2; exec "$@"';
  return ['sh', '-ec', clamp, 'sh', dir, String(epoch), 'tar', '-c', ...EXACT, '-C', dir, '.'];
}

/**
 * Writes the layer of a raw tar: whiteouts as OCI has them, no time after `epoch` (seconds). The root directory's own
 * metadata belongs to the lowest layer: `keepRoot`.
 */
export async function writeLayer(
  rawTar: string,
  layer: string,
  { epoch, keepRoot }: { epoch: number; keepRoot: boolean },
): Promise<void> {
  const parts: Part[] = [];
  for (const entry of indexTar(rawTar)) {
    if (entry.path === '' && !keepRoot) continue;
    for (const made of fromOverlay(entry)) {
      parts.push({
        entry: { ...made, mtime: Math.min(made.mtime, epoch) },
        file: rawTar,
        offset: entry.offset,
      });
    }
  }
  await pipeline(tarStream(parts), createWriteStream(layer));
}
