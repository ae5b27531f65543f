/** Reads, builds and fetches what a composed system is made of, as its configuration says. */
import { isAbsolute, join } from 'node:path';
import type { Composition } from '../compose/composition.ts';
import type { Item } from '../compose/items.ts';
import type { Config } from '../config/index.ts';
import { isSafeCmdline } from '../disk/boot-slots.ts';
import { now } from '../env.ts';
import { OsmithError } from '../errors.ts';
import type { Puller } from '../oci/pull.ts';
import { wantsInstaller, type ComposedSystem } from '../plan/composed.ts';
import type { ComposedImage } from '../plan/manifest.ts';
import type { RunOptions } from '../run/scheduler.ts';
import { buildDate, computeVersion } from '../template/version.ts';
import { buildItems, pinOf, readInputs } from './compose-items.ts';
import { buildComposed, readWithPackages, type Composed } from './compose-packages.ts';
import type { KnobOptions } from './knobs.ts';
import { COMPOSED_BILL } from '../release/sbom/brought.ts';

interface Read {
  composed: Composed;
  pin: Puller['pin'];
}

function pathOf(config: Config, option: string): string {
  const path = config.get('compose', option);
  return isAbsolute(path) ? path : join(config.workspace, path);
}

function knobsOf(config: Config): KnobOptions {
  const { personality, platform } = config.attributes;
  return {
    ...{ personality, platform, tag: [], packages: [] },
    modifier: config.list('compose', 'modifiers').map((file) => join(config.workspace, file)),
  } as KnobOptions;
}

/** A description with its lock file and the packages beside it. */
async function read(config: Config, option: string, knobs: KnobOptions): Promise<Read> {
  const { inputs, locks } = await readInputs([pathOf(config, option)], knobs, config.attributes['arch']!);
  return { composed: await readWithPackages(inputs, knobs), pin: pinOf(locks) };
}

/** With the words of the configuration behind those of the description. Throws for what a boot loader would run. */
function withCmdline(composition: Composition, words: readonly string[]): Composition & { cmdline: string } {
  const cmdline = [composition.kernel.cmdline?.trim() ?? '', ...words].filter(Boolean).join(' ');
  if (isSafeCmdline(cmdline)) return { ...composition, kernel: { ...composition.kernel, cmdline }, cmdline };
  throw new OsmithError('E_COMPOSE', 'The kernel command line cannot be given to a boot loader', {
    where: composition.kernelWhere,
    hint: 'It has characters that end a command of GRUB, or an open quote',
  });
}

/** Which images there are in it, by its bill of materials. */
function imagesIn(items: readonly Item[]): ComposedImage[] {
  const images = items.flatMap((item) => (item.kind === 'sbom' ? item.images : []));
  const byName = new Map(images.map(({ name, digest }) => [name, { name, digest }]));
  return [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function versionOf(config: Config): Promise<Version> {
  const { platform } = config.attributes;
  const given = config.get('build', 'build_version').trim();
  const dir = config.workspace;
  const version = given || (await computeVersion(dir, { ...(platform && { platform }), now: now() }));
  const epoch = config.find('build', 'epoch')?.trim() ? config.int('build', 'epoch') : undefined;
  return { version, date: await buildDate(dir, epoch) };
}

/** What is built is called so, whatever the repository of the workspace says by now. */
export type Version = Pick<ComposedSystem, 'version' | 'date'>;

interface SystemRequest {
  /** The same variant for another architecture, for what is built on the way. */
  configFor: (arch: string) => Config;
  run: RunOptions;
  /** Whether registries are asked again. */
  refresh: boolean;
  /** Absent: as the repository of the workspace says. */
  version?: Version | undefined;
}

/** Everything that can be wrong in the descriptions is told before anything is built. */
export async function composedSystem(
  config: Config,
  { configFor, run, refresh, version: given }: SystemRequest,
): Promise<ComposedSystem> {
  const arch = config.attributes['arch']!;
  const knobs = knobsOf(config);
  const [root, boot, installer, version] = await Promise.all([
    read(config, 'template', knobs),
    read(config, 'boot', { ...knobs, modifier: [] }),
    wantsInstaller(config) ? read(config, 'installer', { ...knobs, modifier: [] }) : undefined,
    given ?? versionOf(config),
  ]);
  const words = config.list('image', 'cmdline');
  // The last one that is named is that of the first program: on a machine that lacks it, nobody would hear that one.
  const consoles = words.filter((word) => word.startsWith('console='));
  const rootComposition = withCmdline(root.composed.composition, words);
  const bootComposition = withCmdline(boot.composed.composition, consoles);
  const installerComposition = installer && withCmdline(installer.composed.composition, consoles);
  const { store, recorded, emit } = run;
  const common = { arch, layout: [], mirror: [], pull: refresh, sbomOutput: COMPOSED_BILL };
  const itemsOf = async (composition: Composition, { composed, pin }: Read, sbom: boolean) =>
    buildItems(
      composition,
      { ...common, sbom },
      {
        ...{ store, recorded, emit, pin },
        build: async (puller) => buildComposed(composed, { configFor, puller, run }),
      },
    );
  const items = await itemsOf(rootComposition, root, true);
  return {
    ...{ root: items, boot: await itemsOf(bootComposition, boot, false) },
    ...{ cmdline: bootComposition.cmdline, images: imagesIn(items) },
    ...version,
    ...(installer &&
      installerComposition && {
        installer: {
          items: await itemsOf(installerComposition, installer, false),
          cmdline: installerComposition.cmdline,
        },
      }),
  };
}
