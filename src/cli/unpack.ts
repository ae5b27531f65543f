/** `osmith unpack`: makes artifacts out of the OCI image of an operating system, as the build would have made them. */
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { loadConfig } from '../config/index.ts';
import { defaultStoreDir, randomUuid } from '../env.ts';
import { OsmithError } from '../errors.ts';
import { configFiles } from '../plan/config-volume.ts';
import { hostArch } from '../plan/tools.ts';
import type { Plan } from '../plan/types.ts';
import { OVERLAY, unpackPlan, type ConfigChanges } from '../plan/unpack.ts';
import { openReporter } from '../report/reporter.ts';
import { forgetResults } from '../run/forget.ts';
import { copyArtifact, streamArtifact } from '../run/place-files.ts';
import { requireHost } from '../run/host.ts';
import { dependencies, runPlan } from '../run/scheduler.ts';
import { lazyScratch } from '../run/scratch.ts';
import { openStore, type Result, type Store } from '../run/store.ts';
import type { Blob } from '../steps/types.ts';
import { version } from '../version.ts';
import { collect, sizeOption } from './arguments.ts';
import { globals } from './globals.ts';
import { interruption } from './signals.ts';
import { checkAsked, COMMANDS, formatOf, helpText, isText, type Flags } from './unpack-commands.ts';
import { openOsImage, partOf, partResults, partText, type OsImage } from './unpack-image.ts';

export function register(program: Command): void {
  program
    .command('unpack')
    .description('make disks, installers and more out of the OCI image of an operating system')
    .argument('<image>', 'an OCI image layout, a tar of one, or an image of a registry')
    .argument('[command]', Object.keys(COMMANDS).join(', '), 'help')
    .option('-f, --format <name>', 'format of `live`: raw, qcow2, vdi, parallels, gcp, ...', 'raw')
    .option(
      '--size <size>',
      'how large the disk is, such as 4096M or 32G; by default as it was built',
      sizeOption,
    )
    .option('--config <dir>', 'files to lay over those of the configuration volume')
    .option(
      '--serial <word>',
      'the serial number of `live`; by default that of the configuration, else a new one; none: none',
    )
    .option('-o, --output <path>', 'file or directory to write to; by default standard output')
    .option('--arch <name>', 'amd64 or arm64', hostArch())
    .option('--platform <name>', 'refuse an image that is for other hardware')
    .option(
      '--mirror <[registry=]url>',
      'a registry to ask before the one that is named (repeatable)',
      collect,
      [],
    )
    .addOption(
      new Option('--set <section.option=value>', 'set an option, such as tools.mode=host (repeatable)')
        .argParser(collect)
        .default([]),
    )
    .action(async (image: string, name: string, flags: Flags, command: Command) =>
      unpack(image, name, flags, command),
    );
}

async function unpack(name: string, what: string, flags: Flags, command: Command): Promise<void> {
  const format = formatOf(what, flags);
  if (flags.output === undefined && !isText(what) && process.stdout.isTTY)
    throw new OsmithError('E_USAGE', `${what} is nothing that a terminal can show`, {
      hint: 'Name a file or a directory with --output',
    });
  const store = await openStore(defaultStoreDir());
  const scratch = lazyScratch(store, interruption);
  const place = { store, scratch: scratch.dir };
  try {
    const os = await openOsImage(name, flags, place);
    checkAsked(os, what, format, flags);
    if (what === 'version') process.stdout.write(`${os.assembly.version}\n`);
    else if (what === 'help') process.stdout.write(helpText(os));
    else if (isText(what)) process.stdout.write((await partText(os, format!, place))!);
    else {
      const part = await partOf(os, format!, place);
      const made = part
        ? { blob: part, once: [] }
        : await assemble(os, format!, { flags, command, place, isLive: what === 'live' });
      try {
        await handOut(os, format!, made.blob, { flags, store, json: globals(command).json });
      } finally {
        await forgetResults(store, made.once);
      }
    }
  } finally {
    await scratch.release();
  }
}

/** What the command line lays over the configuration; undefined: nothing. Throws E_CONFIG, E_TOO_LARGE. */
function changesOf(
  { assembly }: OsImage,
  { config, serial }: Flags,
  isLive: boolean,
): ConfigChanges | undefined {
  const part = assembly.parts.find(
    ({ step, output }) => step === assembly.config?.step && output === assembly.config.output,
  );
  if (part === undefined) return undefined;
  const given =
    config === undefined ? { files: {}, inputs: {} } : configFiles('/', resolve(config), part.size);
  if (!isLive || serial === 'none') return config === undefined ? undefined : given;
  return { ...given, serial: { value: serial ?? randomUuid(), replace: serial !== undefined } };
}

interface AssembleOptions {
  flags: Flags;
  command: Command;
  place: { store: Store; scratch: () => Promise<string> };
  isLive: boolean;
}

interface Assembled {
  blob: Blob;
  /** What holds a serial number that no other disk gets. */
  once: Result[];
}

/** A step and all that is made of what it makes. */
function stepsFrom(first: string, { steps }: Plan): string[] {
  const found = new Set([first]);
  for (const step of steps) if (dependencies(step).some((id) => found.has(id))) found.add(step.id);
  return [...found];
}

async function assemble(
  os: OsImage,
  format: string,
  { flags, command, place, isLive }: AssembleOptions,
): Promise<Assembled> {
  const { assembly } = os;
  const global = globals(command);
  const { workspace, localdir } = global;
  const changes = changesOf(os, flags, isLive);
  await requireHost();
  // Of the same product the tools are the same, and so what they make.
  const config = loadConfig({ workspace, localdir, attributes: assembly.attributes, set: flags.set });
  const { plan, from } = unpackPlan(assembly, config, { format, size: flags.size, changes });
  const results = await partResults(os, place);
  // Standard output may be the disk itself.
  const reporter = openReporter({ ...global, stream: process.stderr });
  try {
    const run = { store: place.store, workspace: '/', emit: reporter.emit, signal: interruption, results };
    await runPlan(plan, run);
  } finally {
    reporter.close();
  }
  const serial = results.get(OVERLAY)?.facts['serial'];
  if (typeof serial === 'string') process.stderr.write(`serial: ${serial}\n`);
  const disk = results.get(assembly.outputs['raw']!.from.step)?.files['raw'];
  const asBuilt = changes === undefined && (format !== 'raw' || flags.size === undefined);
  if (asBuilt && disk !== undefined && disk.digest !== assembly.raw.digest)
    process.stderr.write(
      `warning: the disk is not bit for bit that of the build: Osmith was ${assembly.osmith} there and is ${version()} here, or its tools are other ones\n`,
    );
  const made = results.get(from.step)!.files[from.output];
  const isNew = changes?.serial?.replace === false && serial === changes.serial.value;
  const once = isNew ? stepsFrom(OVERLAY, plan).flatMap((id) => results.get(id) ?? []) : [];
  if (made !== undefined) return { blob: made, once };
  throw new OsmithError(
    'E_IMAGE',
    `The image says that ${from.step} makes ${from.output}, which it does not`,
    {
      hint: 'Get the image again from whoever made it',
    },
  );
}

async function isDirectory(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? path.endsWith('/');
}

async function handOut(
  { assembly }: OsImage,
  format: string,
  blob: Blob,
  { flags, store, json }: { flags: Flags; store: Store; json: boolean },
): Promise<void> {
  const { output = '-' } = flags;
  if (output === '-') return streamArtifact(store, blob, process.stdout);
  const name = `${assembly.name}.${assembly.outputs[format]!.extension}`;
  const path = (await isDirectory(output)) ? join(output, name) : output;
  await copyArtifact(store, blob, path, interruption);
  const line = { type: 'artifact', path, size: blob.size, sha256: blob.digest };
  const human = `  ${(blob.size / 1e6).toFixed(1).padStart(8)} MB  ${path}`;
  process.stdout.write(`${json ? JSON.stringify(line) : human}\n`);
}
