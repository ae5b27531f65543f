/** The CONFIG partition of the installed system: that of the medium, as its owner edited it, with what options say. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { randomUuid } from '../env.ts';
import { must, type RunProgram } from '../update/programs.ts';
import { readFatFile } from './medium.ts';
import { OPTIONS_FILE } from './options.ts';

const SERVER = 'server';
const SERIAL = 'soft_serial';

interface ConfigRequest {
  /** Image or partition to begin with. */
  source: string;
  /** Directory to work in. */
  work: string;
  server: string | undefined;
  serial: string | undefined;
}

/** What a system with this CONFIG is called; undefined or empty: it has no name. */
export async function readSerial(run: RunProgram, volume: string): Promise<string | undefined> {
  return (await readFatFile(run, volume, SERIAL))?.trim();
}

/** Writes `config.img`. What says how to install is not for the system. */
export async function makeConfigImage(
  run: RunProgram,
  { source, work, server, serial: wanted }: ConfigRequest,
): Promise<{ file: string; serial: string }> {
  const file = join(work, 'config.img');
  // Not copyFile, for which a partition has no size.
  await writeFile(file, await readFile(source));
  const serial = wanted ?? ((await readSerial(run, file)) || randomUuid());
  const files: Record<string, string> = {
    [SERIAL]: serial,
    ...(server === undefined ? {} : { [SERVER]: server }),
  };
  for (const [name, content] of Object.entries(files)) {
    await writeFile(join(work, name), `${content}\n`);
    await must(run, ['mcopy', '-o', '-i', file, join(work, name), `::${name}`]);
  }
  if ((await readFatFile(run, file, OPTIONS_FILE)) !== undefined)
    await must(run, ['mdel', '-i', file, `::${OPTIONS_FILE}`]);
  return { file, serial };
}
