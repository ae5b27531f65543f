/** Finds partitions of a raw disk image. */
import { entriesOf, readGpt, type GptEntry } from '../disk/gpt-table.ts';
import { guidBytes } from '../disk/ids.ts';
import { ESP_TYPE } from '../disk/layouts/types.ts';
import { OsmithError } from '../errors.ts';
import { rawDisk } from '../update/raw-disk.ts';

async function find(file: string, what: string, matches: (entry: GptEntry) => boolean): Promise<number> {
  const entries = await readGpt(rawDisk(file)).then(
    ({ table }) => entriesOf(table),
    (error: unknown) => {
      if (error instanceof OsmithError) return [];
      throw error;
    },
  );
  const found = entries.find(matches);
  if (found !== undefined) return found.start;
  throw new OsmithError('E_TEST', `${file} has no ${what}`);
}

/** Byte offset of the EFI system partition. */
export async function findEsp(file: string): Promise<number> {
  const type = guidBytes(ESP_TYPE);
  return find(file, 'EFI system partition', (entry) => entry.type.equals(type));
}

/** Byte offset of a partition by its name. */
export async function findPartition(file: string, name: string): Promise<number> {
  return find(file, `partition ${name}`, (entry) => entry.name === name);
}
