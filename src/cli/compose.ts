/** `osmith compose`: a system out of OCI images, as a linuxkit file describes it. */
import { realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import type { Composition } from '../compose/composition.ts';
import { metadata } from '../compose/metadata.ts';
import { loadConfig } from '../config/index.ts';
import { isSafeCmdline } from '../disk/boot-slots.ts';
import { defaultStoreDir } from '../env.ts';
import { OsmithError } from '../errors.ts';
import type { Puller } from '../oci/pull.ts';
import type { StoredImage } from '../oci/stored.ts';
import {
  artifactNames,
  checkFormats,
  composePlan,
  DISKS,
  FORMAT_NAMES,
  SIGNED,
  STREAMABLE,
  TOOLED,
} from '../plan/compose.ts';
import { signedBoot } from '../plan/loaders.ts';
import { hostArch, toolsSteps } from '../plan/tools.ts';
import { openReporter } from '../report/reporter.ts';
import { copyArtifact, streamArtifact } from '../run/place-files.ts';
import { runPlan } from '../run/scheduler.ts';
import { openStore } from '../run/store.ts';
import { collect, sizeOption } from './arguments.ts';
import { inputStem } from './compose-inputs.ts';
import { buildItems, pinOf, readInputs, type ItemOptions } from './compose-items.ts';
import { buildComposed, readWithPackages } from './compose-packages.ts';
import { globals, reporterFor } from './globals.ts';
import { addLinuxkitOptions } from './linuxkit-options.ts';
import { addKnobs, type KnobOptions } from './knobs.ts';
import { interruption } from './signals.ts';
import { COMPOSED_BILL } from '../release/sbom/brought.ts';

interface Options extends KnobOptions, ItemOptions {
  format: string[];
  output?: string;
  /** Bytes. */
  size?: number;
  dryRun?: boolean;
  product: string;
  set: string[];
}

const ARCHITECTURES: Record<string, string> = { x64: 'amd64', arm64: 'arm64', riscv64: 'riscv64' };

export function register(program: Command): void {
  const command = program
    .command('compose')
    .description('compose a system out of OCI images, as a linuxkit file describes it')
    .argument('<file.yml...>', 'the description, a file or URL; several are merged; - is the standard input')
    .option(
      '--layout <dir>',
      'an OCI image layout, looked into before any registry (repeatable)',
      collect,
      [],
    )
    .option('--arch <name>', 'amd64, arm64, riscv64', architecture, ARCHITECTURES[process.arch] ?? 'amd64')
    .option(
      '-f, --format <names>',
      `${FORMAT_NAMES.join(', ')} (repeatable, or with commas)`,
      collectWords,
      [],
    )
    .option(
      '-o, --output <path>',
      'the file to write, - for standard output; for several files how their names begin',
    )
    .option('--size <size>', 'how large disks are, such as 512M or 4G; by default what they hold', diskSize)
    .option(
      '--mirror <[registry=]url>',
      'a registry to ask before the one that is named (repeatable)',
      collect,
      [],
    )
    .option('--pull', 'ask the registry also for images that the store has')
    .option('--input-tar <file>', 'a tar that was composed before, to take what did not change from')
    .option('--decompress-kernel', 'take the compression off the kernel')
    .option('--no-sbom', 'leave out the software bill of materials')
    .option(
      '--sbom-output <path>',
      'where in the system it goes; CycloneDX if the name ends with .cdx.json, else SPDX',
      sbomPath,
      COMPOSED_BILL,
    )
    .option('--dry-run', 'print the merged description and stop')
    .option('--product <name>', 'whose configuration says where packages of Debian come from', 'edge')
    .option('--set <section.option=value>', 'set an option of it (repeatable)', collect, [])
    .action(async (files: string[], options: Options, command: Command) => compose(files, options, command));
  addKnobs(command);
  addLinuxkitOptions(command);
}

function collectWords(value: string, previous: string[]): string[] {
  return [...previous, ...value.split(',').filter(Boolean)];
}

function architecture(name: string): string {
  if (Object.values(ARCHITECTURES).includes(name)) return name;
  throw new InvalidArgumentError(`It must be one of ${Object.values(ARCHITECTURES).join(', ')}.`);
}

/** A bare number is one of gibibytes, as in linuxkit. */
function diskSize(text: string): number {
  return sizeOption(/^\d+$/.test(text) ? `${text}G` : text);
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
  const { output, size } = options;
  const fallback = output === undefined ? 'kernel+initrd' : 'tar';
  const formats = [...new Set(options.format.length > 0 ? options.format : [fallback])];
  checkFormats(formats, options.arch, size !== undefined);
  const stem = inputStem(files[0]!);
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

/** Throws E_COMPOSE for one that the boot loader of a disk would read as something else. */
function kernelCmdline({ kernel, kernelWhere: where }: Composition, formats: readonly string[]): string {
  const cmdline = (kernel.cmdline ?? '').trim();
  if (isSafeCmdline(cmdline) || !formats.some((format) => DISKS.includes(format))) return cmdline;
  throw new OsmithError('E_COMPOSE', 'The kernel command line cannot be given to a boot loader', {
    where,
    hint: 'It has characters that end a command of GRUB, or an open quote',
  });
}

function sbomPath(path: string): string {
  const parts = path.split('/');
  if (!parts.some((part) => ['', '.', '..'].includes(part))) return path;
  throw new InvalidArgumentError('It must be a path below the root of the system, without a slash in front.');
}

/** A tar that is read while it is written would be lost. Throws E_USAGE before anything is touched. */
async function checkInputTar({ inputTar, pull }: Options, outputs: readonly string[]): Promise<void> {
  if (inputTar === undefined) return;
  if (pull === true) {
    throw new OsmithError('E_USAGE', '--input-tar and --pull exclude each other', {
      hint: 'Leave one of them out',
    });
  }
  const real = await realpath(inputTar).catch((cause: unknown) => {
    throw new OsmithError('E_USAGE', `Cannot read ${inputTar}: ${(cause as Error).message}`, {
      hint: 'Name a tar that was composed before',
    });
  });
  for (const output of outputs) {
    if ((await realpath(output).catch(() => resolve(output))) !== real) continue;
    throw new OsmithError('E_USAGE', `--input-tar and the output cannot be the same file: ${output}`, {
      hint: 'Give the output another name',
    });
  }
}

async function compose(files: string[], options: Options, command: Command): Promise<void> {
  const target = targetOf(files, options);
  if (!target.stream) {
    const names = artifactNames(target.formats, target.name);
    await checkInputTar(
      options,
      names.map((name) => join(target.dir, target.exact ?? name)),
    );
  }
  const { inputs, locks } = await readInputs(files, options, options.arch);
  const composed = await readWithPackages(inputs, options);
  const { composition } = composed;
  if (options.dryRun) {
    process.stdout.write(metadata(composition, 'yaml'));
    return;
  }
  const cmdline = kernelCmdline(composition, target.formats);
  const global = globals(command);
  const store = await openStore(defaultStoreDir());
  // Standard output may be the system itself.
  const reporter = target.stream ? openReporter({ ...global, stream: process.stderr }) : reporterFor(global);
  const { workspace } = global;
  const run = { store, workspace, emit: reporter.emit, signal: interruption };
  const { localdir } = global;
  const { arch, product, set, size } = options;
  try {
    const isTooled = target.formats.some((format) => TOOLED.includes(format));
    const configFor = (arch: string) =>
      loadConfig({ workspace, localdir, attributes: { product, arch }, set });
    const needsPackages = composed.packages.length > 0;
    const config = isTooled ? configFor(arch) : undefined;
    const tools = config && toolsSteps(config, hostArch());
    const pin = pinOf(locks);
    const build = async (puller: Puller) =>
      needsPackages ? buildComposed(composed, { configFor, puller, run }) : new Map<string, StoredImage>();
    const items = await buildItems(composition, options, { store, emit: reporter.emit, pin, build });
    const { formats, name } = target;
    const isSigned = formats.some((format) => SIGNED.includes(format));
    const signed = isSigned && config && tools ? signedBoot(config, arch, tools.tools) : undefined;
    const plan = composePlan({ items, formats, name, arch, cmdline, size, tools, signed });
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
