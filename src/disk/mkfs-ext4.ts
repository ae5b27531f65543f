/** mke2fs (e2fsprogs 1.47.2): makes an ext4 file system out of a tar stream. */
import { MIB, roundUp } from './layout.ts';

export interface Ext4Options {
  output: string;
  uuid: string;
  /** At most 16 characters. */
  label: string;
  /** Bytes. */
  size: number;
}

const BLOCK = 4096;

/** Free space: so many per cent of the contents, but never less than so many bytes. */
export interface FreeSpace {
  headroom: number;
  percent: number;
}

/** What files of these sizes take: whole blocks, inodes and directories, journal and tables; and free space. */
export function ext4Bytes(fileSizes: Iterable<number>, { headroom, percent }: FreeSpace): number {
  let data = 0;
  for (const size of fileSizes) data += roundUp(size, BLOCK) + BLOCK / 4;
  const free = Math.max(headroom, Math.floor((data * percent) / 100));
  return roundUp((data + free) * 1.03 + 160 * MIB, MIB);
}

/** Reads a tar on standard input. Times come from SOURCE_DATE_EPOCH, all else that would be left to chance is set. */
export function mkfsExt4Argv({ output, uuid, label, size }: Ext4Options): string[] {
  const extended = `hash_seed=${uuid},root_owner=0:0,lazy_itable_init=0,lazy_journal_init=0`;
  return [
    ...[
      'mke2fs',
      '-q',
      '-F',
      '-t',
      'ext4',
      '-T',
      'default',
      '-O',
      'dir_index',
      '-b',
      String(BLOCK),
      '-m',
      '1',
      '-L',
      label,
      '-U',
      uuid,
    ],
    ...['-E', extended, '-d', '-', output, String(size / BLOCK)],
  ];
}
