/** Copies of disks that machines may write to. */
import { OsmithError } from '../errors.ts';

/** File systems that can share blocks do, and holes stay holes: a disk of gigabytes may hold little. */
export async function copyDisk(from: string, to: string): Promise<void> {
  const { execa } = await import('execa'); // loading it takes longer than a command that needs no disk
  const argv = ['--sparse=always', '--reflink=auto', '--no-preserve=mode', from, to];
  const { failed, stderr, shortMessage } = await execa('cp', argv, { reject: false });
  if (!failed) return;
  throw new OsmithError('E_NO_SPACE', `Cannot copy ${from}: ${stderr || String(shortMessage)}`, {
    hint: `Is there room for ${to}, and may it be written?`,
  });
}
