/** `osmith pkg build` and `osmith pkg push`. */
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { loadConfig } from '../config/index.ts';
import { defaultStoreDir } from '../env.ts';
import { OsmithError } from '../errors.ts';
import { openLayout } from '../oci/layout.ts';
import { pushImages } from '../oci/push.ts';
import { parseReference } from '../oci/reference.ts';
import { parseMirror, registrySource } from '../oci/registry.ts';
import { buildImages, buildStatus, type BuildOptions, type Built } from '../pkg/build-images.ts';
import { ARCHITECTURES } from '../pkg/build-yml.ts';
import type { AnyPackage } from '../pkg/family.ts';
import { builtFor, packageGraph } from '../pkg/graph.ts';
import { writeImageLayout } from '../oci/layout-files.ts';
import { count } from '../report/style.ts';
import { lazyScratch } from '../run/scratch.ts';
import { blobPath, openStore } from '../run/store.ts';
import { globals, reporterFor } from './globals.ts';
import { collect } from './arguments.ts';
import { addPackageOptions, collectWords, openPackages, type PackageOptions } from './pkg-options.ts';
import { interruption } from './signals.ts';

interface BuildCommand extends PackageOptions {
  platforms: string[];
  skipPlatforms: string[];
  force?: boolean;
  pull?: boolean;
  dryRun?: boolean;
  layout: string[];
  mirror: string[];
  buildArgFile: string[];
  dockerfile?: string;
  output?: string;
  set: string[];
  release?: string;
}

/** `linux/arm64` and `arm64` are the same. */
function platforms(value: string, previous: string[]): string[] {
  const archs = value.split(',').map((each) => each.trim().replace(/^linux\//, ''));
  const unknown = archs.find((arch) => !ARCHITECTURES.includes(arch));
  if (unknown === undefined) return [...new Set([...previous, ...archs])];
  throw new InvalidArgumentError(
    `There is no platform ${unknown}. Known: linux/${ARCHITECTURES.join(', linux/')}.`,
  );
}

function addBuildOptions(command: Command): Command {
  return addPackageOptions(command)
    .option('--platforms <names>', 'such as linux/amd64,linux/arm64; default: this machine', platforms, [])
    .option('--skip-platforms <names>', 'leave these out', platforms, [])
    .option('--force', 'build also what has not changed')
    .option('--pull', 'ask the registry also for images that the store has')
    .option(
      '--layout <dir>',
      'an OCI image layout, looked into before any registry (repeatable)',
      collect,
      [],
    )
    .option(
      '--mirror <[registry=]url>',
      'a registry to ask before the one that is named (repeatable)',
      collect,
      [],
    )
    .option(
      '--build-arg-file <file>',
      'further build arguments, NAME=VALUE in each line (repeatable)',
      collect,
      [],
    )
    .option('--dockerfile <name>', 'in place of that of the package')
    .option(
      '--set <section.option=value>',
      'set an option of the configuration (repeatable)',
      collectWords,
      [],
    );
}

export function registerBuild(pkg: Command): void {
  addBuildOptions(
    pkg.command('build').description('build the images of packages, and of those they are made from'),
  )
    .option('--output <dir>', 'write an OCI image layout with the images of the packages')
    .option('--dry-run', 'print what would be built and why, and stop')
    .action(async (dirs: string[], options: BuildCommand, command: Command) => {
      await build(dirs, options, command);
    });
  addBuildOptions(pkg.command('push').description('build packages and push them to their registries'))
    .option('--release <tag>', 'push under this tag too')
    .action(push);
}

/** What is wanted of the packages that were named. */
function wantedImages(
  packages: readonly AnyPackage[],
  { platforms: asked, skipPlatforms }: BuildCommand,
  host: string,
) {
  const archs = (asked.length > 0 ? asked : [host]).filter((arch) => !skipPlatforms.includes(arch));
  if (archs.length === 0)
    throw new OsmithError('E_USAGE', 'No platform is left to build for', {
      hint: 'Leave out --skip-platforms',
    });
  const wanted = packages.flatMap((pkg) =>
    archs.filter((arch) => builtFor(pkg).arches.includes(arch)).map((arch) => ({ pkg, arch })),
  );
  const without = packages.find((each) => !wanted.some(({ pkg }) => pkg === each));
  if (without === undefined) return wanted;
  const { arches, where } = builtFor(without);
  throw new OsmithError('E_PKG', `${without.name} is not built for ${archs.join(', ')}`, {
    where,
    hint: `It is built for ${arches.join(', ')}`,
  });
}

async function build(dirs: string[], options: BuildCommand, command: Command): Promise<Built[]> {
  const { packages, family, host } = await openPackages(dirs, options);
  const { buildArgFile: argFiles, dockerfile } = options;
  const wanted = wantedImages(packages, options, host);
  const graph = await packageGraph(wanted, { family, host, argFiles, dockerfile });
  const global = globals(command);
  const { workspace, localdir } = global;
  const configFor = (arch: string) =>
    loadConfig({ workspace, localdir, attributes: { arch }, set: options.set });
  const layouts = await Promise.all(options.layout.map((dir) => openLayout(dir)));
  const registry = registrySource({ mirrors: options.mirror.map(parseMirror), signal: interruption });
  const store = await openStore(defaultStoreDir());
  const scratch = lazyScratch(store, interruption);
  const reporter = reporterFor(global);
  const { emit } = reporter;
  try {
    const puller: BuildOptions['puller'] = {
      ...{ store, layouts, registry, refresh: options.pull === true, scratch: scratch.dir },
      onFetch: ({ full }, from) => emit({ type: 'note', text: `${full} from ${from}` }),
    };
    const context = { configFor, host, puller };
    if (options.dryRun) {
      const statuses = await buildStatus(graph, context, store);
      reporter.close();
      for (const { step, status, reason } of statuses) {
        if (step.stage === 'pkg') process.stdout.write(`${step.id}  ${status}  ${reason}`.trimEnd() + '\n');
      }
      return [];
    }
    const again = options.force ? { again: ({ stage }: { stage: string }) => stage === 'pkg' } : {};
    const run = { store, workspace, emit, signal: interruption, ...again };
    const built = await buildImages(graph, context, run);
    reporter.close();
    const own = built.filter(({ pkg, arch }) =>
      wanted.some((each) => each.pkg === pkg && each.arch === arch),
    );
    if (options.output !== undefined) {
      const images = own.map(({ pkg, image }) => ({ name: pkg.canonical, image }));
      await writeImageLayout(store.dir, options.output, images);
    }
    for (const { pkg, arch, image } of own) {
      const { name: stem, canonical } = pkg;
      const line = { type: 'image', package: stem, reference: canonical, arch, digest: image.digest };
      process.stdout.write(
        `${global.json ? JSON.stringify(line) : `  ${arch.padEnd(8)} ${canonical}  ${image.digest}`}\n`,
      );
    }
    return own;
  } finally {
    reporter.close();
    await scratch.release();
  }
}

async function push(dirs: string[], options: BuildCommand, command: Command): Promise<void> {
  const { release } = options;
  const { packages } = await openPackages(dirs, options);
  const dirty = packages.find((pkg) => pkg.dirty);
  if (release !== undefined && dirty !== undefined) {
    throw new OsmithError('E_PKG', `${dirty.name} is not as it was committed, and cannot be released`, {
      hint: 'Commit it first',
    });
  }
  const built = await build(dirs, options, command);
  const store = await openStore(defaultStoreDir());
  for (const list of Map.groupBy(built, ({ pkg }) => pkg.dir).values()) {
    const { pkg } = list[0]!;
    const names = [
      pkg.canonical,
      ...(release === undefined ? [] : [pkg.canonical.replace(/:[^:/]*$/, `:${release}`)]),
    ];
    for (const name of names) {
      const images = list.map(({ image, arch }) => ({ image, arch }));
      const digest = await pushImages(
        (blob) => blobPath(store, blob),
        parseReference(name),
        images,
        interruption,
      );
      process.stdout.write(`  pushed   ${name}  ${digest}  ${count(list.length, 'platform')}\n`);
    }
  }
}
