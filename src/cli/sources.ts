/** `osmith sources`: what two lists of sources have in common, and what each lacks. */
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { OsmithError, toOsmithError } from '../errors.ts';
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
    .argument('<a>', 'a list, such as that of the build')
    .argument('<b>', 'what to compare it with, such as the list of what was collected')
    .option('--types <types...>', 'only sources of these types, such as deb or rpm')
    .action(async (a: string, b: string, flags: Flags) => run(a, b, flags, globals(command).json));
}

async function readSources(file: string, { types }: Flags): Promise<Source[]> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    const { message } = toOsmithError(error);
    throw new OsmithError('E_USAGE', `The list ${file} cannot be read: ${message}`);
  });
  try {
    return parseSources(text).filter(({ type }) => types?.includes(type) ?? true);
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
