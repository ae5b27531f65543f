/** `osmith compose`: a system out of OCI images, as a linuxkit file describes it. */
import { readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { InvalidArgumentError, type Command } from 'commander';
import { readComposition, type Composition } from '../compose/composition.ts';
import { metadata } from '../compose/metadata.ts';
import { prepare } from '../compose/prepare.ts';
import { defaultStoreDir } from '../env.ts';
import { OsmithError } from '../errors.ts';
import { openLayout } from '../oci/layout.ts';
import { parseMirror, registrySource } from '../oci/registry.ts';
import { checkFormats, composePlan, STREAMABLE } from '../plan/compose.ts';
import { openReporter, type Reporter } from '../report/reporter.ts';
import { copyArtifact, streamArtifact } from '../run/place-files.ts';
import { runPlan } from '../run/scheduler.ts';
import { openScratch } from '../run/scratch.ts';
import { openStore, type Store } from '../run/store.ts';
import { globals, reporterFor } from './globals.ts';
import { interruption } from './signals.ts';

interface Options {
  layout: string[];
  arch: string;
  format: string[];
  output?: string;
  mirror: string[];
  pull?: boolean;
  dryRun?: boolean;
}

const ARCHITECTURES: Record<string, string> = { x64: 'amd64', arm64: 'arm64', riscv64: 'riscv64' };

export function register(program: Command): void {
  program
    .command('compose')
    .description('compose a system out of OCI images, as a linuxkit file describes it')
    .argument('<file.yml...>', 'the description; several are merged; - is the standard input')
    .option(
      '--layout <dir>',
      'an OCI image layout, looked into before any registry (repeatable)',
      collect,
      [],
    )
    .option('--arch <name>', 'amd64, arm64, riscv64', architecture, ARCHITECTURES[process.arch] ?? 'amd64')
    .option('--format <names>', 'tar, docker, kernel+initrd (repeatable, or with commas)', collectWords, [])
    .option(
      '--output <path>',
      'the file to write, - for standard output; for several files how their names begin',
    )
    .option(
      '--mirror <[registry=]url>',
      'a registry to ask before the one that is named (repeatable)',
      collect,
      [],
    )
    .option('--pull', 'ask the registry also for images that the store has')
    .option('--dry-run', 'print the merged description and stop')
    .action(async (files: string[], options: Options, command: Command) => compose(files, options, command));
}

function collect(value: string, previous: string[]): string[] {
  return [...previous, value];
}

function collectWords(value: string, previous: string[]): string[] {
  return [...previous, ...value.split(',').filter(Boolean)];
}

function architecture(name: string): string {
  if (Object.values(ARCHITECTURES).includes(name)) return name;
  throw new InvalidArgumentError(`It must be one of ${Object.values(ARCHITECTURES).join(', ')}.`);
}

async function readInput(file: string): Promise<{ file: string; text: string }> {
  if (file === '-') return { file: 'standard input', text: await text(process.stdin) };
  try {
    return { file, text: await readFile(file, 'utf8') };
  } catch (cause) {
    throw new OsmithError('E_COMPOSE', `Cannot read ${file}: ${(cause as Error).message}`, {
      cause,
      hint: 'Name a linuxkit file, or - for the standard input',
    });
  }
}

/** What goes where: formats, and paths of the files with the output's suffix left open. */
interface Target {
  formats: string[];
  /** Standard output rather than files. */
  stream: boolean;
  dir: string;
  /** First part of the names. */
  name: string;
  /** The one file's own name, when it was given. */
  exact: string | undefined;
}

function targetOf(files: string[], options: Options): Target {
  const { output } = options;
  const fallback = output === undefined ? 'kernel+initrd' : 'tar';
  const formats = [...new Set(options.format.length > 0 ? options.format : [fallback])];
  checkFormats(formats);
  const first = files[0]!;
  const stem = first === '-' ? 'moby' : basename(first).replace(/\.[^.]*$/, '');
  const single = formats.length === 1 && STREAMABLE.includes(formats[0]!);
  if (output === '-' && !single) {
    throw new OsmithError('E_USAGE', `${formats.join(', ')} cannot be written to the standard output`, {
      hint: `Only one of ${STREAMABLE.join(', ')} can`,
    });
  }
  if (output === undefined) return { formats, stream: false, dir: '.', name: stem, exact: undefined };
  const exact = single ? basename(output) : undefined;
  return { formats, stream: output === '-', dir: dirname(resolve(output)), name: basename(output), exact };
}

async function buildItems(composition: Composition, options: Options, store: Store, reporter: Reporter) {
  const layouts = await Promise.all(options.layout.map((dir) => openLayout(dir)));
  const mirrors = options.mirror.map(parseMirror);
  const scratch = await openScratch(store, interruption);
  try {
    return await prepare(composition, {
      store,
      arch: options.arch,
      layouts,
      registry: registrySource({ mirrors, signal: interruption }),
      refresh: options.pull === true,
      scratch: scratch.dir,
      onFetch: ({ full }, from) => reporter.emit({ type: 'note', text: `${full} from ${from}` }),
    });
  } finally {
    await scratch.release();
  }
}

async function compose(files: string[], options: Options, command: Command): Promise<void> {
  const target = targetOf(files, options);
  const inputs: { file: string; text: string }[] = [];
  for (const file of files) inputs.push(await readInput(file));
  const composition = readComposition(inputs);
  if (options.dryRun) {
    process.stdout.write(metadata(composition, 'yaml'));
    return;
  }
  const global = globals(command);
  const store = await openStore(defaultStoreDir());
  // Standard output may be the system itself.
  const reporter = target.stream ? openReporter({ ...global, stream: process.stderr }) : reporterFor(global);
  try {
    const items = await buildItems(composition, options, store, reporter);
    const plan = composePlan(items, target.formats, target.name);
    const run = { store, workspace: global.workspace, emit: reporter.emit, signal: interruption };
    const results = await runPlan(plan, run);
    reporter.close();
    for (const { name, step, output } of plan.artifacts) {
      const blob = results.get(step)!.files[output]!;
      if (target.stream) {
        await streamArtifact(store, blob, process.stdout);
        continue;
      }
      const path = join(target.dir, target.exact ?? name);
      await copyArtifact(store, blob, path, interruption);
      const line = { type: 'artifact', path, size: blob.size, sha256: blob.digest };
      const human = `  ${(blob.size / 1e6).toFixed(1).padStart(8)} MB  ${path}`;
      process.stdout.write(`${global.json ? JSON.stringify(line) : human}\n`);
    }
  } finally {
    reporter.close();
  }
}
