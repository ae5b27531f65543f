/** What the firmware is told: that there is a system on the disk now. */
import { efiNames } from '../disk/efi.ts';
import type { RunProgram } from '../update/programs.ts';
import type { Console } from './console.ts';

/** Only there on machines with UEFI. */
export const EFI = '/sys/firmware/efi';
const VARIABLES = `${EFI}/efivars`;

/** Numbers of the entries with this title, in what efibootmgr prints. */
export function entriesCalled(printed: string, title: string): string[] {
  return [...printed.matchAll(/^Boot([0-9A-F]{4})\*? (.*?)(?:\t.*)?$/gm)]
    .filter(([, , name]) => name === title)
    .map(([, number]) => number!);
}

/** Machines start what lies on the disk without it, too, so what goes wrong is only told. */
export async function addBootEntry(
  run: RunProgram,
  console: Console,
  { disk, partition, title }: { disk: string; partition: number; title: string },
): Promise<void> {
  await run(['modprobe', '-q', 'efivarfs']);
  await run(['mount', '-t', 'efivarfs', 'efivarfs', VARIABLES]);
  for (const number of entriesCalled((await run(['efibootmgr'])).stdout, title))
    await run(['efibootmgr', '--quiet', '--delete-bootnum', '--bootnum', number]);
  const loader = `\\EFI\\BOOT\\${efiNames(process.arch === 'arm64' ? 'arm64' : 'amd64').removable}`;
  const where = ['--disk', disk, '--part', String(partition), '--loader', loader];
  const { exit, stderr } = await run(['efibootmgr', '--quiet', '--create', ...where, '--label', title]);
  console.say(
    exit === 0 ? `The firmware has an entry "${title}" now` : `No boot entry was made: ${stderr.trim()}`,
  );
}
