/** `osmith sources`: what two lists of sources have in common, and what each lacks. */
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';
import type { Command } from 'commander';
import { readTar } from '../disk/tar-reader.ts';
import { OsmithError, toOsmithError } from '../errors.ts';
import { isCollected, MANIFEST, parseCollected } from '../release/sbom/collected.ts';
import { compareSources, parseSources, sourceKey, type Source } from '../release/sbom/sources.ts';
import { count } from '../report/style.ts';
import { globals } from './globals.ts';

interface Flags {
  types?: string[];
}

export function register(program: Command): void {
  const command = program
    .command('sources')
    .description('compare two lists of sources that builds made (image.formats: sources.csv)')
    .argument('<a>', 'a list, such as that of the build, or an archive of sources')
    .argument('<b>', 'what to compare it with, such as the list of what was collected')
    .option('--types <types>', 'only sources of these types, such as deb,rpm', (text) => text.split(','))
    .action(async (a: string, b: string, flags: Flags) => run(a, b, flags, globals(command).json));
}

/** A list; of an archive of sources, its manifest. */
async function readList(file: string): Promise<string> {
  if (!/\.tar(?:\.gz)?$/.test(file)) return readFile(file, 'utf8');
  const packed = createReadStream(file);
  for await (const { entry, body } of readTar(file.endsWith('.gz') ? packed.pipe(createGunzip()) : packed)) {
    if (entry.path !== MANIFEST) continue;
    const parts: Buffer[] = [];
    for await (const part of body()) parts.push(part);
    packed.destroy();
    return Buffer.concat(parts).toString('utf8');
  }
  throw new Error(`it has no ${MANIFEST}`);
}

async function readSources(file: string, { types }: Flags): Promise<Source[]> {
  const text = await readList(file).catch((error: unknown) => {
    const { message } = toOsmithError(error);
    throw new OsmithError('E_USAGE', `The list ${file} cannot be read: ${message}`, {
      hint: 'Name a list that a build made, or an archive of sources',
    });
  });
  try {
    const parse = isCollected(text) ? parseCollected : parseSources;
    return parse(text).filter(({ type }) => types?.includes(type) ?? true);
  } catch (error) {
    const [, line, message] = /^line (\d+): (.*)$/.exec((error as Error).message) ?? [];
    throw new OsmithError('E_USAGE', `This is no list of sources: ${message}`, {
      where: { file, line: Number(line) },
      hint: 'A build whose image.formats has sources.csv makes one',
    });
  }
}

async function run(a: string, b: string, flags: Flags, json: boolean): Promise<void> {
  const [first, second] = [await readSources(a, flags), await readSources(b, flags)];
  const found = compareSources(first, second);
  if (found.onlyFirst.length + found.onlySecond.length > 0) process.exitCode = 1; // as diff(1) does
  if (json) {
    process.stdout.write(`${JSON.stringify({ type: 'sources', a, b, ...found })}\n`);
    return;
  }
  const lines = [
    `${a}: ${count(first.length, 'source')}; ${b}: ${second.length}; in both: ${found.same}`,
    ...found.onlyFirst.map((source) => `- ${sourceKey(source)}  (${source.packages.join(' ')})`),
    ...found.onlySecond.map((source) => `+ ${sourceKey(source)}  (${source.packages.join(' ')})`),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}
