import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { toEnv } from './env.ts';
import { formatIni } from './format.ts';
import { scene, type Scene } from './testing.ts';
import type { Config } from './types.ts';

// Workspaces made for the Endless builder, held against Python's configparser with that builder's load order.

interface Answer {
  error?: string;
  sections?: Record<string, Record<string, { value?: string; error?: true; raw: string }>>;
  env?: Record<string, string> | null;
}

const hasPython = spawnSync('python3', ['--version']).status === 0;
const python = hasPython ? spawn('python3', [join(import.meta.dirname, 'endless.py')]) : undefined;
const answers = python && createInterface({ input: python.stdout })[Symbol.asyncIterator]();
afterAll(async () => {
  if (python === undefined) return;
  python.stdin.end();
  await once(python, 'close');
});

async function ask(request: object): Promise<Answer> {
  python!.stdin.write(`${JSON.stringify(request)}\n`);
  return JSON.parse((await answers!.next()).value as string) as Answer;
}

interface Variant {
  product: string;
  branch: string;
  arch: string;
  platform: string;
  personality: string;
}

/** Everything that the configuration of a variant says, by both. */
async function compare(workspace: Scene, variant: Variant): Promise<Config | undefined> {
  const [own, localdir, system] = ['ws', 'local', 'etc'].map((name) => join(workspace.dir, name));
  const expected = await ask({
    config: join(own!, 'config'),
    ...{ localdir, system, attributes: variant },
    build: {
      ...{ ...variant, series: variant.branch.replace(/\.[^.]*$/, ''), localdir, srcdir: own },
      ...{ localdatadir: '${localdir}/data', cachedir: '/var/cache/osmith', sysconfdir: system },
      ...{ build_version: '', dry_run: 'false', use_production_ostree: 'false' },
    },
  });
  const load = () => workspace.load({ attributes: { ...variant }, localdir });
  if (expected.error !== undefined) {
    expect(load, expected.error).toThrow(expect.objectContaining({ code: 'E_CONFIG' }));
    return undefined;
  }
  const config = load();
  const found = config.sections().map((section) => {
    const values = config.options(section).map((option) => [option, read(config, section, option)]);
    return [section, Object.fromEntries(values)] as const;
  });
  expect(Object.fromEntries(found)).toEqual(expected.sections);
  const isSecret = config
    .sections()
    .some((section) => config.options(section).some((option) => config.isPrivate(section, option)));
  if (expected.env != null && !isSecret) expect(toEnv(config, 'EIB')).toEqual(expected.env);
  return config;
}

function read(config: Config, section: string, option: string) {
  const raw = config.raw(section, option);
  try {
    return { value: config.get(section, option), raw };
  } catch {
    return { error: true, raw };
  }
}

const VALUES = {
  product: ['eos', 'custom'],
  branch: ['master', 'eos4.0'],
  arch: ['amd64', 'arm64'],
  platform: ['amd64', 'rpi'],
  personality: ['base', 'en', 'en_GB', 'en_GB_orkney', 'pt_BR'],
};
const NAMES = Object.keys(VALUES) as (keyof typeof VALUES)[];
const variant: fc.Arbitrary<Variant> = fc.record({
  product: fc.constantFrom(...VALUES.product),
  branch: fc.constantFrom(...VALUES.branch),
  arch: fc.constantFrom(...VALUES.arch),
  platform: fc.constantFrom(...VALUES.platform),
  personality: fc.constantFrom(...VALUES.personality),
});

/** Every file that some variant may have. */
const TREE = [
  'defaults',
  ...NAMES.flatMap((name) => VALUES[name].map((value) => `${name}/${value}`)),
  ...NAMES.flatMap((a, index) =>
    NAMES.slice(index + 1).flatMap((b) =>
      VALUES[a].flatMap((first) => VALUES[b].map((second) => `${a}-${b}/${first}-${second}`)),
    ),
  ),
];
const FILES = [
  ...TREE.flatMap((name) => [`ws/config/${name}.ini`, `local/config/${name}.ini`]),
  ...['ws/config/local.ini', 'ws/config/private.ini', 'local/config/private.ini'],
  ...['etc/config.ini', 'etc/private.ini'],
];

const LISTS: Record<string, string[]> = {
  image: ['hooks', 'settings'],
  content: ['hooks'],
  flatpak: ['locales'],
  'flatpak-remote-hub': ['apps', 'runtimes', 'exclude'],
  'kolibri-0a1b': ['include_node_ids'],
};
const SECTIONS = [...Object.keys(LISTS), 'build', 'ostree', 'buildroot'];
const OPTIONS = ['url', 'Branch', 'x', 'packages_add'];

const word = fc.constantFrom('a', 'b', 'c', 'org.x.App', '10-a.chroot', '# gone', '; gone', '${build:arch}');
const part = fc.constantFrom('mandatory', 'mandatory', 'defaults', 'defaults', 'personality_en');
const partReference = part.map((name) => `\${flatpak-remote-hub:apps_add_${name}}`);
const words = (pieces: fc.Arbitrary<string>) =>
  fc
    .array(pieces, { maxLength: 4 })
    .chain((list) => fc.constantFrom(list.join(' '), list.map((each) => `\n  ${each}`).join('')));
const plainWords = words(word);
const partWords = words(fc.oneof({ weight: 9, arbitrary: word }, partReference));
const reference = fc.constantFrom(
  ...[
    '${build:product}',
    '${build:localdatadir}/x',
    '${build:srcdir}',
    '${URL}',
    '${ostree:url}',
    '${branch}',
  ],
  ...['${image:hooks}', '${flatpak-remote-hub:apps}', '${nowhere:x}', '${x}'],
);
const plain = fc.constantFrom(
  '',
  'v',
  'True',
  'two words',
  'http://h:1/',
  'eos3',
  '$$',
  '\n  first\n\n  # c\n  last',
);
const text = fc.array(fc.oneof(plain, reference), { maxLength: 3 }).map((pieces) => pieces.join(''));

/** Some of these options, each with a value. */
function some(names: string[], values: fc.Arbitrary<string>, most: number): fc.Arbitrary<[string, string][]> {
  return fc
    .subarray(names, { maxLength: Math.min(most, names.length) })
    .chain((chosen) => fc.tuple(...chosen.map((name) => fc.tuple(fc.constant(name), values))));
}

/** Options of a section; what has a suffix comes first, since the original puts it there. */
function body(section: string): fc.Arbitrary<[string, string][]> {
  const lists = LISTS[section] ?? [];
  const ends = ['_add_mandatory', '_add_core', '_del_more', '_add', '_del'];
  const parts = lists.flatMap((list) => ends.map((end) => `${list}${end}`));
  const whole = fc.oneof(
    { weight: 8, arbitrary: fc.constant<[string, string][]>([]) },
    { weight: 1, arbitrary: some(lists, plainWords, 1) },
  );
  return fc.tuple(some(parts, partWords, 4), whole, some(OPTIONS, text, 2)).map((all) => all.flat());
}

/** The parts that others refer to. */
const DEFAULTS =
  '[flatpak-remote-hub]\napps_add_mandatory = a m\napps_add =\n  b\n  # c\n  d\n[build]\nx = ${series}\n';

const file = fc
  .subarray(SECTIONS, { minLength: 1, maxLength: 3 })
  .chain((names) => fc.tuple(...names.map((name) => fc.tuple(fc.constant(name), body(name)))))
  .map((sections) => formatIni(sections));
const files = fc
  .subarray(FILES, { minLength: 15, maxLength: 60 })
  .chain((names) => fc.tuple(...names.map((name) => fc.tuple(fc.constant(name), file))))
  .map((entries) => ({
    ...Object.fromEntries(entries),
    'ws/config/defaults.ini': DEFAULTS,
  }));

describe.skipIf(!hasPython)('a workspace of the Endless builder', () => {
  it('says what it says there, whatever is in it', async () => {
    await fc.assert(
      fc.asyncProperty(files, variant, async (texts, chosen) => {
        using workspace = scene(texts);
        mkdirSync(join(workspace.dir, 'local'), { recursive: true });
        await compare(workspace, chosen);
      }),
      { numRuns: 60 },
    );
  });

  // The constructs that its own files use.
  const TREE_OF_KINDS = {
    'ws/config/schema.ini':
      '[image]\ncompression_required = true\ncompression_values = gz\n  xz\nsettings = paths\n',
    'ws/config/defaults.ini': `
[build]
#product =
datadir = \${srcdir}/data
tmpdir = \${cachedir}/tmp
outversion = \${product}-\${branch}-\${arch}-\${platform}.\${build_version}.\${personality}
[image]
hooks_add =
  50-flatpak.chroot
  60-counters.chroot
compression = gz
path = /srv
destdir = \${path}/\${publish:path}
settings_add =
[ostree]
product = \${build:product}
platform = \${build:platform}
ref = os/\${product}/\${platform}/\${build:branch}
[publish]
path = nightly/\${build:product}/\${build:personality}
[flatpak]
locales_add = en es pt
locales_del =
[flatpak-remote-hub]
apps_add_mandatory =
  org.Browser
apps_add =
  org.Game
  # why it is here
  org.Key
  org.Paint
`,
    'ws/config/arch/arm64.ini':
      '[image]\nhooks_del =\n  60-counters.chroot\n[flatpak-remote-hub]\napps_del = org.Game\n',
    'ws/config/branch-arch/master-arm64.ini': '[flatpak-remote-hub]\nruntimes =\napps =\n',
    'ws/config/personality/base.ini':
      '[flatpak-remote-hub]\napps_del = ${apps_add_defaults}\napps_add =\n  org.Key\n',
    'ws/config/personality/pt.ini': '[flatpak]\nlocales = pt\n',
    'ws/config/personality/pt_BR.ini': '[image]\nsettings_add = ${build:datadir}/pt_BR/background\n',
    'ws/config/platform/rpi4.ini': '[ostree]\nplatform = rpi\n',
    'ws/config/product/custom.ini': '[ostree]\nproduct = eos\n',
    'ws/config/product-personality/eos-base.ini': '[image]\ncompression = xz\n[iso]\nmax_size = 4700000000\n',
    'local/config/defaults.ini': '',
  };
  const variants = VALUES.product.flatMap((product) =>
    ['master', 'eos4.0'].flatMap((branch) =>
      [
        ['amd64', 'amd64'],
        ['arm64', 'arm64'],
        ['arm64', 'rpi4'],
      ].flatMap(([arch, platform]) =>
        ['base', 'pt', 'pt_BR'].map((personality) => ({
          ...{ product, branch, personality },
          ...{ arch: arch!, platform: platform! },
        })),
      ),
    ),
  );

  it('gives every variant the values that it has there', async () => {
    using workspace = scene(TREE_OF_KINDS);
    for (const chosen of variants) expect(await compare(workspace, chosen)).toBeDefined();
    const config = await compare(workspace, {
      ...{ product: 'eos', branch: 'eos4.0', arch: 'amd64', platform: 'amd64', personality: 'base' },
    });
    expect(config!.list('flatpak-remote-hub', 'apps')).toEqual(['org.Browser', 'org.Key']);
    expect(config!.get('build', 'outversion')).toBe('eos-eos4.0-amd64-amd64..base');
    expect(config!.get('image', 'compression')).toBe('xz');
    expect(config!.warnings.map((text) => text.replace(/^.*config\//, ''))).toEqual([
      'schema.ini:5: Schema key [image] settings checks nothing (Write settings_type, settings_values or settings_required)',
      'schema.ini does not declare 5 sections such as [ostree] and 5 options such as build.datadir, so that nothing checks them',
    ]);
  });
});
