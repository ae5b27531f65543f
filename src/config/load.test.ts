import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seriesOf } from './builtin.ts';
import { toEnv } from './env.ts';
import { layers } from './layers.ts';
import { messages, scene } from './testing.ts';

const ENDLESS = {
  order: ['product', 'branch', 'arch', 'platform', 'personality'],
  values: { product: 'eos', branch: 'eos4.0', arch: 'arm64', platform: 'rpi', personality: 'en_GB_orkney' },
};
const TREE = `defaults product/eos branch/eos4.0 arch/arm64 platform/rpi personality/en personality/en_GB
  personality/en_GB_orkney product-branch/eos-eos4.0 product-arch/eos-arm64 product-platform/eos-rpi
  product-personality/eos-en product-personality/eos-en_GB product-personality/eos-en_GB_orkney
  branch-arch/eos4.0-arm64 branch-platform/eos4.0-rpi branch-personality/eos4.0-en branch-personality/eos4.0-en_GB
  branch-personality/eos4.0-en_GB_orkney arch-platform/arm64-rpi arch-personality/arm64-en
  arch-personality/arm64-en_GB arch-personality/arm64-en_GB_orkney platform-personality/rpi-en
  platform-personality/rpi-en_GB platform-personality/rpi-en_GB_orkney`.split(/\s+/);

describe('layers', () => {
  it('are the files of the Endless builder, in its order', () => {
    const found = layers({ workspace: '/ws', localdir: '/loc', systemDir: '/etc/osmith' }, ENDLESS);
    const tree = (root: string) => TREE.map((name) => `${root}/config/${name}.ini`);
    expect(found.map(({ file }) => file)).toEqual([
      ...tree('/ws'),
      '/etc/osmith/config.ini',
      ...tree('/loc'),
      '/ws/config/local.ini',
      '/etc/osmith/private.ini',
      '/loc/config/private.ini',
      '/ws/config/private.ini',
    ]);
    const namespaces = found.map(({ namespace }) => namespace);
    expect(namespaces).toEqual(
      expect.arrayContaining(['defaults', 'personality_en_GB', 'local_branch_eos4.0']),
    );
    expect(namespaces).toContain('product_personality_eos_en_GB');
    expect(new Set(namespaces).size).toBe(namespaces.length);
  });

  it('take a personality without a first part for itself', () => {
    const values = { ...ENDLESS.values, personality: '_x' };
    const found = layers({ workspace: '/ws', systemDir: '/etc/osmith' }, { order: ENDLESS.order, values });
    expect(found.map(({ file }) => file).filter((file) => file.includes('/personality/'))).toEqual([
      '/ws/config/personality/_x.ini',
    ]);
  });

  it('go over each other one by one', () => {
    const files = [
      'ws/config/defaults.ini',
      'ws/config/product/p.ini',
      'ws/config/branch/b.ini',
      'ws/config/personality/en.ini',
      'ws/config/personality/en_GB.ini',
      'ws/config/product-branch/p-b.ini',
      'ws/config/branch-personality/b-en.ini',
      'etc/config.ini',
      'local/config/product/p.ini',
      'ws/config/local.ini',
      'etc/private.ini',
      'local/config/private.ini',
      'ws/config/private.ini',
    ];
    fc.assert(
      fc.property(fc.subarray(files, { minLength: 1 }), (chosen) => {
        using workspace = scene(Object.fromEntries(chosen.map((file) => [file, `[s]\nx = ${file}\n`])));
        const attributes = { product: 'p', branch: 'b', personality: 'en_GB' };
        const config = workspace.load({ attributes, localdir: join(workspace.dir, 'local') });
        expect(config.get('s', 'x')).toBe(chosen.at(-1));
        expect(config.files).toEqual(chosen.map((file) => join(workspace.dir, file)));
      }),
      { numRuns: 30 },
    );
  });
});

describe('attributes', () => {
  const files = {
    'ws/config/schema.ini': [
      '[schema]\nstrict = true',
      '[attributes]\norder = product branch arch board personality\nproduct = p\nbranch = one\nboard = virt',
      '[attributes product=q]\nbranch = two',
    ].join('\n'),
    'ws/config/product/p.ini': '',
    'ws/config/product/q.ini': '',
    'ws/config/branch/one.ini': '',
    'ws/config/branch/two.ini': '',
    'ws/config/branch-board/two-virt.ini': '[build]\nbuild_version = ${series}',
  };

  it('have the defaults that the workspace declares', () => {
    using workspace = scene(files);
    const { attributes } = workspace.load({ attributes: { arch: 'arm64' } });
    expect(attributes).toEqual({
      product: 'p',
      branch: 'one',
      arch: 'arm64',
      board: 'virt',
      personality: 'base',
    });
    const other = workspace.load({ attributes: { product: 'q' } });
    expect(other.attributes).toMatchObject({ branch: 'two' });
    expect(other.get('build', 'build_version')).toBe('two');
  });

  it('must be known', () => {
    using workspace = scene(files);
    expect(workspace.errors({ attributes: { branch: 'tow' } })).toEqual(['There is no branch tow']);
    expect(() => workspace.load({ attributes: { branch: 'tow' } })).toThrow(
      expect.objectContaining({ code: 'E_USAGE', details: { hint: 'Did you mean two? Known: one, two' } }),
    );
    expect(workspace.errors({ attributes: { platform: 'rpi' } })).toEqual([
      'This workspace has no attribute platform',
    ]);
    expect(workspace.errors({ attributes: { board: 'new', personality: 'new' } })).toEqual([]);
  });

  it('must be safe in file names', () => {
    using workspace = scene({});
    for (const value of ['', '.', '..', '../x', 'a/b', '-x', 'a b', 'a\nb', 'a\0b', '/etc/x']) {
      expect(() => workspace.load({ attributes: { product: value } })).toThrow(
        expect.objectContaining({ code: 'E_USAGE' }),
      );
    }
    expect(workspace.load({ attributes: { arch: 'arm64', platform: '' } }).attributes['platform']).toBe(
      'arm64',
    );
    expect(workspace.load({ attributes: { product: 'a$b' } }).get('build', 'product')).toBe('a$b');
  });

  it('must be declared well', () => {
    using workspace = scene({
      'ws/config/schema.ini': '[attributes]\norder = product product Arch branch\n',
    });
    expect(workspace.errors()).toEqual([
      'ws/config/schema.ini:2: Attribute product cannot be used',
      'ws/config/schema.ini:2: Attribute Arch cannot be used',
      'ws/config/schema.ini:2: The order of attributes lacks arch',
    ]);
    using other = scene({
      'ws/config/schema.ini': `[attributes]
order = product branch arch local series
`,
    });
    expect(other.errors()).toEqual([
      'ws/config/schema.ini:2: Attribute local cannot be used',
      'ws/config/schema.ini:2: Attribute series cannot be used',
    ]);
    using third = scene({
      'ws/config/schema.ini': `[attributes]
prodct = x
[attributes prodct=x]
branch = y
[attributes product=x]
barnch = y
`,
    });
    expect(third.errors()).toEqual([
      'ws/config/schema.ini:2: Unknown attribute prodct in [attributes]',
      'ws/config/schema.ini:4: Section [attributes prodct=x] names no attribute',
      'ws/config/schema.ini:6: Unknown attribute barnch in [attributes product=x]',
    ]);
    using fourth = scene({ 'ws/config/schema.ini': '[attributes]\nproduct = a b\n' });
    expect(fourth.errors()).toEqual(['ws/config/schema.ini:2: product cannot be "a b"']);
  });

  it('give the series', () => {
    const pairs = { master: 'master', 'eos3.8': 'eos3', eos3: 'eos3', 'a.b.c': 'a.b' };
    for (const [branch, series] of Object.entries(pairs)) expect(seriesOf(branch)).toBe(series);
  });
});

it('names the localdir in [build] only where there is one', () => {
  using workspace = scene({ 'ws/config/defaults.ini': '[s]\nx = ${build:localdatadir}\n' });
  expect(workspace.load({ localdir: '/l' }).get('s', 'x')).toBe('/l/data');
  expect(workspace.load({ localdir: '/l' }).warnings).toEqual(['--localdir /l does not exist']);
  const config = workspace.load();
  expect(config.warnings).toEqual([expect.stringContaining('defaults.ini:2')]);
  expect(messages(() => config.get('s', 'x'), workspace.dir)).toEqual([
    'ws/config/defaults.ini:2: [s] x: ${build:localdatadir} refers to an option that is not set',
  ]);
});

it('sets options from the command line last', () => {
  using workspace = scene({ 'ws/config/private.ini': '[s]\nx = 1\n' });
  const config = workspace.load({ set: ['s.x=a=b.c', 's.Y.z= ${x}! ', 'new.x='] });
  expect(config.get('s', 'x')).toBe('a=b.c');
  expect(config.find('s', 'y.Z')).toBe('a=b.c!');
  expect(config.isPrivate('s', 'x')).toBe(false);
  expect(config.sections()).toEqual(['build', 's', 'new']);
  expect(config.where('s', 'x')?.file).toBe('--set');
  for (const bad of ['s.x', 'x=1', '.x=1', 's.=1', '']) {
    expect(() => workspace.load({ set: [bad] })).toThrow(expect.objectContaining({ code: 'E_USAGE' }));
  }
});

it('tells of a missing workspace and of one without config/', () => {
  using workspace = scene({ 'file/config': '' });
  for (const name of ['none', 'file']) {
    expect(() => workspace.load({ workspace: join(workspace.dir, name) })).toThrow(
      expect.objectContaining({ code: 'E_WORKSPACE' }),
    );
  }
});

it('does not wait for a pipe, nor follow many references forever', () => {
  const many = Array.from({ length: 9 }, (_, i) => `o${i} = ${`\${o${i + 1}}`.repeat(20)}\n`).join('');
  using workspace = scene({
    'ws/config/schema.ini': '[schema]\nstrict = true\n[s]\nx_type = string\n',
    'ws/config/defaults.ini': `[s]\n${many}o9 =\n`,
    'ws/config/arch/arm64.ini': '[s]\nx = a\n b\0\n',
  });
  expect(spawnSync('mkfifo', [join(workspace.dir, 'ws/config/local.ini')]).status).toBe(0);
  const found = workspace.errors({ attributes: { arch: 'arm64' } });
  expect(found.slice(0, 2)).toEqual([
    'ws/config/arch/arm64.ini:3: A zero byte',
    `ws/config/local.ini:: Cannot read ${workspace.dir}/ws/config/local.ini: it is no file`,
  ]);
  expect(found[2]).toMatch(/takes more than 10000 references$/);
});

it('tells of everything that is wrong, at once', () => {
  using workspace = scene({
    'ws/config/schema.ini': '[schema]\nstrict = true\n[s]\nx_type = int\nneeded_required = true\n',
    'ws/config/defaults.ini': '[s]\nx = one\n  two\nno delimiter\n[s]\n',
    'ws/config/local.ini': Buffer.from('[s]\n\nx = caf\xe9\n', 'latin1'),
    'etc/config.ini': '[s]\nx = $bad\n[S]\ny = ${a:b:c}\n',
    'ws/config/private.ini': '[s]\nx = hunter2\nsecret\n',
  });
  mkdirSync(join(workspace.dir, 'ws/config/arch/amd64.ini'), { recursive: true });
  const found = workspace.errors({ attributes: { arch: 'amd64' } });
  expect(found).toEqual([
    'ws/config/defaults.ini:4: Neither a section nor an option',
    'ws/config/defaults.ini:5: Section [s] is already at line 1',
    `ws/config/arch/amd64.ini:: Cannot read ${workspace.dir}/ws/config/arch/amd64.ini: EISDIR`,
    "etc/config.ini:2: [s] x: A '$' must be followed by '$' or by '{name}'",
    'ws/config/local.ini:3: Bytes that are not UTF-8',
    'ws/config/private.ini:3: Neither a section nor an option',
    "etc/config.ini:4: [S] y: More than one ':' in ${a:b:c}",
    'ws/config/schema.ini:5: Required configuration key [s] needed is missing',
    'ws/config/private.ini:2: Configuration key [s] x has invalid value: ***',
    'etc/config.ini:4: Unknown section [S]',
  ]);
});

it.skipIf(process.getuid?.() === 0)('tells of a file that cannot be read', () => {
  using workspace = scene({ 'ws/config/local.ini': '[s]\n' });
  chmodSync(join(workspace.dir, 'ws/config/local.ini'), 0);
  expect(workspace.errors()).toEqual([expect.stringContaining('EACCES')]);
});

it('exports variables for hooks', () => {
  using workspace = scene({
    'ws/config/defaults.ini': '[s-1.a]\nx y = TRUE\nz = ${build:arch}\nl = 1\n 2\n',
    'ws/config/private.ini': '[s-1.a]\nkey = hunter2\n',
  });
  const load = (...set: string[]) => workspace.load({ attributes: { arch: 'amd64' }, set });
  expect(toEnv(load(), 'OSMITH')).toMatchObject({
    OSMITH_ARCH: 'amd64',
    OSMITH_S_1_A_X_Y: 'true',
    OSMITH_S_1_A_Z: 'amd64',
    OSMITH_S_1_A_L: '1\n2',
  });
  expect(JSON.stringify(toEnv(load(), 'OSMITH'))).not.toContain('hunter2');
  const clash = workspace.errors({ set: ['s_1_a.x_y=no'] });
  expect(clash).toEqual([
    '--set:1: [s-1.a] x y and [s_1_a] x_y are the same variable OSMITH_S_1_A_X_Y for hooks',
  ]);
});

it('never quotes a private value, not even a reference that does not work', () => {
  const secret = (text: string) => `[s]\nx = ${text}\n`;
  for (const text of ['${hunter2}', 'a${hunter2:hunter2:b}', '${s:hunter2}', '$hunter2']) {
    using workspace = scene({
      'ws/config/schema.ini': '[schema]\nstrict = true\n[s]\nx_type = string\n',
      'etc/private.ini': secret(text),
    });
    const load = () => workspace.load();
    expect(load).toThrow(expect.objectContaining({ code: 'E_CONFIG' }));
    const error = caught(load) as { message: string; details: object };
    expect(`${error.message} ${JSON.stringify(error.details)}`).not.toContain('hunter2');
  }
});

function caught(call: () => unknown): unknown {
  try {
    return call();
  } catch (error) {
    return error;
  }
}

it('takes a setting for what it would be in a file', () => {
  using workspace = scene({});
  const config = workspace.load({ set: ['s.x=a\n # gone\n  b', 's.[y=1', 's.z=#1'] });
  expect(config.get('s', 'x')).toBe('a\nb');
  expect(config.get('s', 'z')).toBe('#1');
  for (const bad of ['s.x:y=1', 's.#x=1', 'DEFAULT.x=1', 's.x\ny=1']) {
    expect(() => workspace.load({ set: [bad] })).toThrow(expect.objectContaining({ code: 'E_USAGE' }));
  }
});
