/** Copies of disks that machines may write to. */
import { OsmithError } from '../errors.ts';
import { copyFile, isFull } from '../run/copy-file.ts';

/** A disk of gigabytes may hold little: its holes stay holes. Throws E_NO_SPACE, E_OUT. */
export async function copyDisk(from: string, to: string): Promise<void> {
  try {
    await copyFile(from, to, { sparse: 'always' });
  } catch (cause) {
    const full = isFull(cause as Error);
    throw new OsmithError(
      full ? 'E_NO_SPACE' : 'E_OUT',
      `Cannot copy ${from} to ${to}: ${(cause as Error).message}`,
      { cause, hint: full ? 'Free some space' : 'Name another directory with --out' },
    );
  }
}
