/** `osmith lock`: compares what tags and references stand for with what the lock file records, and updates that. */
import type { Command } from 'commander';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { imagesOf } from '../compose/composition.ts';
import { defaultStoreDir } from '../env.ts';
import { OsmithError } from '../errors.ts';
import { openLayout } from '../oci/layout.ts';
import { pullImages, type Puller } from '../oci/pull.ts';
import { parseReference } from '../oci/reference.ts';
import { parseMirror, registrySource } from '../oci/registry.ts';
import { ARCHITECTURES } from '../pkg/build-yml.ts';
import { isDebianPackage, MIRROR_LOCK } from '../pkg/debian.ts';
import { imagesLock } from '../pkg/images-lock.ts';
import { hostArch } from '../plan/tools.ts';
import { count } from '../report/style.ts';
import { lazyScratch } from '../run/scratch.ts';
import { openStore } from '../run/store.ts';
import {
  checkLock,
  imageKey,
  lockFileOf,
  readLock,
  tagKey,
  updatedEntries,
  writeLock,
  type LockEntry,
} from '../template/lock.ts';
import { readInput, type ComposeInput } from './compose-inputs.ts';
import { readWithPackages } from './compose-packages.ts';
import { addKnobs, isTemplate, renderTemplateFile, type KnobOptions } from './knobs.ts';
import { mirrorEntriesFor } from './lock-mirror.ts';
import { packageEntriesFor } from './lock-package.ts';
import { interruption } from './signals.ts';

interface Options extends KnobOptions {
  arch: string[];
  update?: string | true;
  layout: string[];
  mirror: string[];
}

function words(value: string, previous: string[]): string[] {
  return [...previous, ...value.split(',').filter(Boolean)];
}

export function register(program: Command): void {
  const command = program
    .command('lock')
    .description('compare tags and images of a composition with its lock file, or write that')
    .argument(
      '<file>',
      'a template or composition (its lock file has the same name and ends with .lock), or the directory of a package',
    );
  addKnobs(command)
    .option('--update [name]', 'write the file: this tag or reference anew, or all of them')
    .option('--arch <names>', 'architectures to look at (default: that of this machine)', words, [])
    .option('--layout <dir>', 'an OCI image layout, looked into before any registry (repeatable)', words, [])
    .option(
      '--mirror <[registry=]url>',
      'a registry to ask before the one that is named (repeatable)',
      words,
      [],
    )
    .option('--set <section.option=value>', 'of mirrors: set an option of the configuration', words, [])
    .action(lock);
}

/** What stands for what, for one architecture. */
async function entriesFor(
  file: string,
  arch: string,
  options: Options,
  puller: Omit<Puller, 'arch'>,
): Promise<LockEntry[]> {
  const rendered = isTemplate(file) ? await renderTemplateFile(file, options, arch) : undefined;
  const input: ComposeInput = rendered === undefined ? await readInput(file) : { file, text: rendered.text };
  const { composition, packages } = await readWithPackages([input], options);
  const own = new Set(packages.map(({ canonical }) => canonical));
  const wanted = imagesOf(composition)
    .map(({ image, where }) => ({
      reference: parseReference(image, where),
      where,
      part: 'description' as const,
    }))
    .filter(({ reference }) => reference.digest === undefined && !own.has(reference.full));
  const images = await pullImages({ ...puller, arch }, wanted);
  const tags = [...(rendered?.tags ?? [])].map(([name, value]) => ({ key: tagKey(name), value }));
  return [
    ...tags,
    ...[...images].map(([full, { digest }]) => ({ key: imageKey({ full }, arch), value: digest })),
  ];
}

/** What the command looks at: lines for one architecture. */
type Look = (arch: string, puller: Omit<Puller, 'arch'>) => Promise<LockEntry[]>;

/** What the argument names, and where its lock file is. */
function subject(file: string, options: Options, command: Command): { path: string; look: Look } {
  if (isDebianPackage(file))
    return { path: join(file, MIRROR_LOCK), look: (arch) => mirrorEntriesFor(file, arch, command) };
  if (existsSync(join(file, 'build.yml')))
    return { path: imagesLock(file), look: (arch, puller) => packageEntriesFor(file, arch, puller) };
  return { path: lockFileOf(file), look: (arch, puller) => entriesFor(file, arch, options, puller) };
}

async function lock(file: string, options: Options, command: Command): Promise<void> {
  const architectures = options.arch.length > 0 ? options.arch : [hostArch()];
  const unknown = architectures.find((arch) => !ARCHITECTURES.includes(arch));
  if (unknown !== undefined) {
    throw new OsmithError('E_USAGE', `There is no architecture ${unknown}`, {
      hint: `Known: ${ARCHITECTURES.join(', ')}`,
    });
  }
  const { path, look } = subject(file, options, command);
  const known = await readLock(path);
  const store = await openStore(defaultStoreDir());
  const scratch = lazyScratch(store, interruption);
  try {
    const layouts = await Promise.all(options.layout.map((dir) => openLayout(dir)));
    const registry = registrySource({ mirrors: options.mirror.map(parseMirror), signal: interruption });
    // Always what the names stand for now, not what the store remembers.
    const puller = { store, layouts, registry, refresh: true, scratch: scratch.dir };
    const found = new Map<string, LockEntry>();
    for (const arch of architectures) {
      for (const entry of await look(arch, puller)) found.set(entry.key, entry);
    }
    const entries = [...found.values()];
    if (options.update !== undefined) {
      const names = options.update === true ? [] : [normalised(options.update, entries)];
      const updated = updatedEntries(known, entries, names);
      await writeLock(path, updated);
      process.stdout.write(`${path}: ${count(updated.length, 'line')}\n`);
    } else if (known === undefined) {
      throw new OsmithError('E_DRIFT', `There is no lock file ${path}`, {
        hint: `Write it: osmith lock ${file} --update`,
      });
    } else {
      checkLock(known, entries);
      process.stdout.write(`${path}: ${count(entries.length, 'reference')}, all as recorded\n`);
    }
  } finally {
    await scratch.release();
  }
}

/** `test/app` means `docker.io/test/app:TAG`, where only one is called so. */
function normalised(name: string, entries: readonly LockEntry[]): string {
  const names = [...new Set(entries.map(({ key }) => key.split(' ')[1]!))];
  if (names.includes(name)) return name;
  const short = (full: string) => full.replace(/^docker\.io\/(?:library\/)?/, '').replace(/:[^:/]*$/, '');
  const matches = names.filter((each) => short(each) === short(name));
  return matches.length === 1 ? matches[0]! : name;
}
