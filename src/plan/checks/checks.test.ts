/** What the shipped hooks find wrong with their options, before any work, and where. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadConfig } from '../../config/index.ts';
import { localeFault, timezoneFault } from '../../config/names.ts';
import { messages, scene } from '../../config/testing.ts';
import { makePlan } from '../index.ts';

const WORKSPACE = join(import.meta.dirname, '../../../workspace');
const PNG = Buffer.from('89504e470d0a1a0a', 'hex');

/** What is told of a variant with these options of `[image]`, and files of the local directory at $. */
function told(options: string, files: Record<string, string | Buffer> = {}): string[] {
  const local = Object.fromEntries(Object.entries(files).map(([name, text]) => [`local/${name}`, text]));
  const ini = `[image]\n${options.replaceAll('$', '${build:localdir}/')}\n`;
  using ws = scene({ ...local, 'local/config/defaults.ini': ini });
  const load = () =>
    loadConfig({
      ...{ workspace: WORKSPACE, localdir: join(ws.dir, 'local'), systemDir: join(ws.dir, 'etc') },
      ...{ attributes: { product: 'desktop' }, set: [] },
    });
  return messages(() => makePlan(load()), ws.dir);
}

const INI = 'local/config/defaults.ini';

test.each<[string, string, Record<string, string | Buffer>, string[]]>([
  ['nothing', '', {}, []],
  [
    'time zone and locales',
    'timezone = Europe/Berln\nlanguage = es_MC.utf8\nlocales_add = en_US.UTF-8 fr_FR.UTF8 pt_BR.koi8',
    {},
    [
      `${INI}:3: Configuration key [image] language has invalid value: es_MC.utf8`,
      `${INI}:4: Configuration key [image] locales has invalid value: pt_BR.koi8`,
      `${INI}:2: Configuration key [image] timezone has invalid value: Europe/Berln`,
    ],
  ],
  ['layout', 'xkb_layout = us,latm', {}, [`${INI}:2: image.xkb_layout has invalid value: latm`]],
  [
    'variant of another layout',
    'xkb_layout = us,latam\nxkb_variant = ,phonetic',
    {},
    [`${INI}:3: image.xkb_variant has invalid value: phonetic`],
  ],
  ['variants in order', 'xkb_layout = us,latam\nxkb_variant = intl,nodeadkeys', {}, []],
  [
    'variant alone',
    'xkb_variant = dvorak',
    {},
    [`${INI}:2: image.xkb_variant is set, but image.xkb_layout is not: dvorak`],
  ],
  ['host name', 'hostname = my_host', {}, [`${INI}:2: image.hostname is no name of a machine: my_host`]],
  [
    'units',
    'presets_enable_add = ssh cups.service\npresets_disable_add = cups.service',
    {},
    [
      `${INI}:2: image.presets_enable has no unit of systemd: ssh`,
      `${INI}:3: cups.service is in image.presets_enable and in image.presets_disable`,
    ],
  ],
  [
    'missing file',
    'settings_add = $settings/schol',
    { 'settings/school': '' },
    [
      expect.stringMatching(
        /:2: Configuration key \[image\] settings refers to nonexistent path: .*schol$/,
      ) as string,
    ],
  ],
  [
    'file outside',
    'settings_add = /etc/hostname',
    {},
    [`${INI}:2: image.settings names /etc/hostname, which is not in the workspace`],
  ],
  [
    'directory',
    'icon_grid_add = $config',
    {},
    [expect.stringMatching(/:2: image.icon_grid names .*, which is no file$/) as string],
  ],
  [
    'keyfile',
    'settings_add = $a',
    {
      a: "x=1\n[org/a/]\n# good\n[org/a]\nname=text\nlist=['a', 1]\nnothing\nok='it''s'\n/key=1\nfine=@as []\n",
    },
    [
      'local/a:1: The key x stands before any [path]',
      'local/a:2: [org/a/] is no path of a dconf database',
      'local/a:5: The value of name is wrong: text is no value; text stands in quotes, at its end',
      'local/a:6: The value of list is wrong: a number in an array of strings, at "]"',
      'local/a:7: Neither [path] nor key=value: nothing',
      'local/a:8: The value of ok is wrong: something follows the value, at "\'s\'"',
      'local/a:9: /key is no key below [org/a]',
    ],
  ],
  [
    'keyfiles that contradict each other',
    'settings_add = $a $b',
    { a: '[org/a]\nx=1\ny=1\n', b: '[org/a]\nx=1\ny=2\n' },
    [expect.stringMatching(/^local\/b:3: \/org\/a\/y is 2 here, but 1 at .*local\/a:3$/) as string],
  ],
  [
    'locks',
    'settings_locks_add = $a',
    { a: '/org/a/x\n/org/a/\norg/b\n# no\n' },
    ['local/a:2: /org/a/ is no key of a dconf database', 'local/a:3: org/b is no key of a dconf database'],
  ],
  [
    'policies',
    'chromium_policies_managed_add = $a $b\nchromium_policies_recommended_add = $c',
    { a: '{"HomepageLocation": "x",\n oops}', b: '[]', c: '{"homepage": 1}' },
    [
      expect.stringMatching(/^local\/a:2: This is no JSON: Expected double-quoted property name/) as string,
      'local/b:: This is no JSON object',
      'local/c:: homepage is no name of a policy',
    ],
  ],
  [
    'a policy that is managed and recommended',
    'chromium_policies_managed_add = $a\nchromium_policies_recommended_add = $c',
    { a: '{"HomepageLocation": "x"}', c: '{"HomepageLocation": "x"}' },
    [expect.stringMatching(/^local\/c:: The policy HomepageLocation is in .*a too$/) as string],
  ],
  [
    'icons',
    'icon_grid_add = $a $b',
    { a: '{"desktop": ["a.desktop", "b", "games"]}', b: '{"games": ["a.desktop", 1], "lost": []}' },
    [
      'local/a:: b is neither a desktop file nor a folder',
      expect.stringMatching(/^local\/b:: a.desktop is in .*a too$/) as string,
      'local/b:: 1 is neither a desktop file nor a folder',
      'local/b:: No list names the folder lost',
    ],
  ],
  [
    'first boot',
    'branding_fbe_config = $a',
    { a: '[pages]\nskip=privacy\n' },
    ['local/a:: Neither says which languages to offer nor skips that page'],
  ],
  ['first boot without that page', 'branding_fbe_config = $a', { a: '[pages]\nskip=privacy;language\n' }, []],
  [
    'watermark',
    'initramfs_plymouth_watermark = $a',
    { a: 'GIF89a' },
    ['local/a:: image.initramfs_plymouth_watermark names a file that is no PNG image'],
  ],
  ['a good watermark', 'initramfs_plymouth_watermark = $a', { a: PNG }, []],
])('%s', (_what, options, files, expected) => {
  expect(told(options, files)).toEqual(expected);
});

test('names that are nearly right', () => {
  expect(timezoneFault('europe/berlin')).toBe('Did you mean Europe/Berlin?');
  expect(localeFault('es_MX.utf-9')).toBe('Did you mean es_MX.UTF-8?');
  for (const name of [
    'C',
    'C.UTF-8',
    'es_MX',
    'aa_ER.utf8',
    'sr_RS.UTF-8@latin',
    'ca_ES@valencia',
    'de_DE@euro',
  ]) {
    expect([name, localeFault(name)]).toEqual([name, undefined]);
  }
  for (const name of ['xx_YY.UTF-8', 'de_DE@valencia', 'de_DE.', ''])
    expect(localeFault(name)).toBeTypeOf('string');
});

test('options that nobody sets are no step', () => {
  const steps = (...set: string[]) => {
    const config = loadConfig({ workspace: WORKSPACE, attributes: { product: 'desktop' }, set });
    return makePlan(config)
      .steps.filter(({ stage }) => stage === 'image')
      .map(({ id }) => id);
  };
  expect(steps()).toEqual([]);
  expect(steps('image.timezone=Europe/Berlin')).toEqual(['image/50-timezone.chroot']);
});
