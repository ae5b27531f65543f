import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HIDDEN } from './fault.ts';
import { matchesGlob } from './glob.ts';
import { nearest } from './nearest.ts';
import { showIni, toObject, showDifference, showExplanation } from './show.ts';
import { messages, scene } from './testing.ts';
import { parseBool, parseInteger, parseSize } from './values.ts';

const SCHEMA = `
[schema]
strict = true
[image]
compression_values = zstd gzip
compression_required = true
level_type = int
big_type = bool
room_type = size
home_type = url
file_type = path
files_type = paths
formats_type = list
formats_values = raw qcow2
[remote-*]
url_type = url
url_required = true
apps_type = list
`;
const GOOD = `
[image]
compression = gzip
level =
big = Yes
room = 64M
home = s3://bucket/x
file = config
files = config/schema.ini \${build:srcdir}/config
formats_add = raw
[remote-a]
url =
`;

function problems(text: string, set: string[] = []): string[] {
  using workspace = scene({
    'ws/config/schema.ini': SCHEMA,
    'ws/config/defaults.ini': GOOD,
    'ws/config/local.ini': text,
  });
  return workspace.errors({ set });
}

describe('a schema', () => {
  it.each([
    ['', []],
    ['[image]\nlevel = -3\nbig = off\nroom = 0\nhome =\nfile =\nformats = qcow2 raw', []],
    ['[image]\ncompression = zst', ['2: Configuration key [image] compression has invalid value: zst']],
    ['[image]\ncompression =', ['2: Configuration key [image] compression has invalid value: ']],
    ['[image]\nlevel = 1.5', ['2: Configuration key [image] level has invalid value: 1.5']],
    ['[image]\nbig =', ['2: Configuration key [image] big has invalid value: ']],
    ['[image]\nroom = 3MB', ['2: Configuration key [image] room has invalid value: 3MB']],
    ['[image]\nhome = www', ['2: Configuration key [image] home has invalid value: www']],
    ['[image]\nfile = no', ['2: Configuration key [image] file refers to nonexistent path: no']],
    ['[image]\nlevel = 1\nfiles_add = config gone away', []],
    [
      '[image]\nfiles = config gone away',
      [
        '2: Configuration key [image] files refers to nonexistent path: gone',
        '2: Configuration key [image] files refers to nonexistent path: away',
      ],
    ],
    ['[image]\nformats_add = iso', ['2: Configuration key [image] formats has invalid value: iso']],
    ['[image]\nfromats_add = raw', ['2: Unknown option fromats_add in [image]']],
    ['[image]\nhooks_add = a', ['2: Unknown option hooks_add in [image]']],
    ['[image]\nhome = $x', ["2: [image] home: A '$' must be followed by '$' or by '{name}'"]],
    [
      '[image]\nhome = ${file}\nfile = ${gone}\nlevel = ${file}',
      ['3: [image] file: ${gone} refers to an option that is not set'],
    ],
    [
      '[image]\nformats_add = iso\nformats_add_more = raw',
      ['2: Configuration key [image] formats has invalid value: iso'],
    ],
    ['[imaeg]\nx = 1', ['2: Unknown section [imaeg]']],
    ['[build]\narch = arm64\nseries = 1', ['2: [build] arch is set by the builder']],
    ['[remote-b]\napps_add = x', ['schema.ini:16: Required configuration key [remote-b] url is missing']],
  ])('judges %j', (text, expected) => {
    const full = expected.map((each) => `ws/config/${/^\d/.test(each) ? `local.ini:${each}` : each}`);
    expect(problems(text)).toEqual(full);
  });

  it('suggests what was meant', () => {
    using workspace = scene({ 'ws/config/schema.ini': SCHEMA, 'ws/config/defaults.ini': GOOD });
    const hint = (setting: string) => {
      try {
        workspace.load({ set: [setting] });
      } catch (error) {
        return (error as { details: { hint: string } }).details.hint;
      }
    };
    expect(hint('image.compresion=zstd')).toBe('Did you mean compression?');
    expect(hint('image.compression=gip')).toBe('Did you mean gzip? Possible: zstd, gzip');
    expect(hint('imgae.level=1')).toBe('Did you mean image?');
    expect(hint('remote-a.formats=1')).toBe('It belongs into [image]');
    expect(hint('remote-a.zzzzzz=1')).toBe('Declare it in config/schema.ini if it is yours');
    expect(hint('image.home=${buidl:arch}')).toBe('Did you mean build?');
    expect(hint('image.home=${build:arhc}')).toBe('Did you mean arch?');
  });

  it('that is not strict only warns, and lets bad references be until they are used', () => {
    using workspace = scene({
      'ws/config/schema.ini': `${SCHEMA.replace('true', 'false')}odd = path\n`,
      'ws/config/defaults.ini': `${GOOD}[image2]\nx = \${gone}\n`,
    });
    const { warnings } = workspace.load();
    expect(warnings.map((text) => text.replace(/^.*config\//, ''))).toEqual([
      'schema.ini:19: Schema key [remote-*] odd checks nothing (Write odd_type, odd_values or odd_required)',
      'defaults.ini:14: [image2] x: ${gone} refers to an option that is not set (Set it, for example with --set image2.gone=VALUE)',
      'defaults.ini:14: Unknown section [image2] (Did you mean image?)',
    ]);
  });

  it('must itself be right', () => {
    using workspace = scene({
      'ws/config/schema.ini':
        '[schema]\nstrict = true\nx = 1\n[a]\nb_type = integer\nc = path\n_type = int\n',
    });
    expect(workspace.errors()).toEqual([
      'ws/config/schema.ini:3: Bad line in [schema]: x',
      'ws/config/schema.ini:5: Schema key [a] b_type has invalid value: integer',
      'ws/config/schema.ini:6: Schema key [a] c checks nothing',
      'ws/config/schema.ini:7: Schema key [a] _type checks nothing',
    ]);
  });

  it('of the localdir goes over that of the workspace', () => {
    using workspace = scene({
      'ws/config/schema.ini': SCHEMA,
      'ws/config/defaults.ini': GOOD,
      'local/config/schema.ini': '[image]\ncompression_values = xz\n[mine]\nx_type = int\n',
      'local/config/defaults.ini': '[mine]\nx = y\n',
    });
    expect(workspace.errors({ localdir: join(workspace.dir, 'local') })).toEqual([
      'ws/config/defaults.ini:3: Configuration key [image] compression has invalid value: gzip',
      'local/config/defaults.ini:2: Configuration key [mine] x has invalid value: y',
    ]);
  });
});

describe('values', () => {
  it('have types', () => {
    using workspace = scene({
      'ws/config/defaults.ini': '[s]\nn = 007\nb = OFF\nz = 2GiB\nw = a\n  b  c\nbad = x\n',
    });
    const config = workspace.load();
    expect([config.int('s', 'n'), config.bool('s', 'B'), config.size('s', 'z')]).toEqual([7, false, 2 ** 31]);
    expect(config.list('s', 'w')).toEqual(['a', 'b', 'c']);
    expect(config.find('s', 'none')).toBeUndefined();
    const get = (call: () => unknown) => messages(call, workspace.dir);
    const bad = ['ws/config/defaults.ini:7: Configuration key [s] bad has invalid value: x'];
    expect(get(() => config.int('s', 'bad'))).toEqual(bad);
    expect(get(() => config.bool('s', 'bad'))).toEqual(bad);
    expect(get(() => config.size('s', 'bad'))).toEqual(bad);
    expect(get(() => config.get('s', 'bda'))).toEqual(['Configuration key [s] bda is not set']);
    expect(get(() => config.list('t', 'w'))).toEqual(['Configuration key [t] w is not set']);
  });

  it('parse only what is exact', () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.constantFrom('', 'K', 'M', 'G', 'T'),
        fc.constantFrom('', 'iB'),
        (number, unit, tail) => {
          const bytes = number * 1024 ** ' KMGT'.indexOf(unit || ' ');
          expect(parseSize(`${number}${unit}${unit && tail}`)).toBe(
            Number.isSafeInteger(bytes) ? bytes : undefined,
          );
          expect(parseInteger(`-${number}`)).toBe(-number);
        },
      ),
    );
    for (const bad of ['', '-1', '1.5G', '1KB', '1 M', '99999999999999999999', '1E']) {
      expect(parseSize(bad)).toBeUndefined();
    }
    for (const bad of ['constructor', '', '2', 'y']) expect(parseBool(bad)).toBeUndefined();
  });
});

describe('private values', () => {
  const SECRETS = {
    'ws/config/defaults.ini':
      '[s]\nurl = https://${user}:${s:pass}@host/\nsafe = ${user}\nother = $${pass}\n',
    'etc/private.ini': '[s]\npass = hunter2\nuser = open\n[flatpak]\nlocales_add = hunter2\n',
    'ws/config/private.ini': '[s]\nlater = hunter2\n',
  };

  it('are never shown, nor what is made from them', () => {
    using workspace = scene(SECRETS);
    const set = ['s.user=me', 's.later=public'];
    const config = workspace.load({ set });
    const hidden = config.options('s').filter((option) => config.isPrivate('s', option));
    expect(hidden).toEqual(['url', 'pass']);
    expect(config.isPrivate('flatpak', 'locales')).toBe(true);
    expect(config.get('s', 'url')).toBe('https://me:hunter2@host/');
    expect(toObject(config)['s']).toMatchObject({ url: HIDDEN, pass: HIDDEN, safe: 'me', later: 'public' });
    const shown = [
      showIni(config),
      showDifference(config, workspace.load()),
      ...config.options('s').map((option) => showExplanation(config, 's', option)),
      showExplanation(config, 'flatpak', 'locales'),
      JSON.stringify(config.explain('s', 'later')),
    ];
    expect(shown.join('')).not.toContain('hunter2');
    expect(config.get('s', 'other')).toBe('${pass}');
    expect(config.isPrivate('s', 'other')).toBe(false);
  });

  it('do not tell what they refer to, but may be referred to', () => {
    using workspace = scene(SECRETS);
    const config = workspace.load({ set: ['s.token=${pass}${build:arch}', 's.arch=${token}'] });
    const told = (option: string) =>
      config.explain('s', option).map(({ effect, option: name, value }) => `${effect} ${name} ${value}`);
    expect(told('arch')).toEqual([
      'wins arch ${token}',
      'referred token ${pass}${build:arch}',
      `referred pass ${HIDDEN}`,
      `referred build:arch ${config.attributes['arch']}`,
    ]);
    expect(showIni(config)).toContain('url = https://${user}:${s:pass}@host/\n');
    using other = scene({ ...SECRETS, 'etc/private.ini': '[s]\npass = ${build:arch}\nuser = \n' });
    expect(
      other
        .load()
        .explain('s', 'pass')
        .map(({ effect }) => effect),
    ).toEqual(['wins']);
  });

  it('are not in messages', () => {
    using workspace = scene(SECRETS);
    const config = workspace.load();
    const found = messages(() => config.int('s', 'url'), workspace.dir);
    expect(found).toEqual(['ws/config/defaults.ini:2: Configuration key [s] url has invalid value: ***']);
  });
});

it('finds the nearest name', () => {
  const known = ['compression', 'filesystem', 'root', 'x'];
  expect(nearest('compresion', known)).toBe('compression');
  expect(nearest('flie_system', known)).toBe('filesystem');
  expect(nearest('ROTO', known)).toBe('root');
  expect(nearest('hostname', known)).toBeUndefined();
});

it('matches patterns literally but for * and ?', () => {
  expect(matchesGlob('remote-*', 'remote-a.b')).toBe(true);
  expect(matchesGlob('a.b?', 'a.bc')).toBe(true);
  expect(matchesGlob('a.b', 'axb')).toBe(false);
  fc.assert(fc.property(fc.string(), (name) => matchesGlob(name.replaceAll(/[*?]/g, '?'), name)));
});
