/** Plans of the shipped workspace: pure, stable, and only what the artifacts need. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Config, loadConfig } from '../config/index.ts';
import { toObject } from '../config/show.ts';
import { scene } from '../config/testing.ts';
import { canonicalJson } from '../run/key.ts';
import { stepCode } from '../steps/registry.ts';
import { makePlan } from './index.ts';
import { hostArch } from './tools.ts';
import { isStepInput, type Plan } from './types.ts';

const WORKSPACE = join(import.meta.dirname, '../../workspace');

function plan(attributes: Record<string, string>, ...set: string[]): Plan {
  return makePlan(loadConfig({ workspace: WORKSPACE, attributes, set }));
}

const VARIANTS = ['deb', 'deb12'].flatMap((branch) => ['amd64', 'arm64'].map((arch) => ({ branch, arch })));

test.each(VARIANTS)('$branch $arch: the same every time, wherever it is made', (attributes) => {
  const first = plan(attributes);
  const cwd = process.cwd();
  process.chdir('/');
  try {
    expect(plan(attributes)).toEqual(first);
  } finally {
    process.chdir(cwd);
  }
  // Plain data: it can be printed, sent and read again.
  expect(JSON.parse(JSON.stringify(first))).toEqual(first);
  expect(canonicalJson(first)).not.toContain(WORKSPACE);
});

test.each(VARIANTS)('$branch $arch: steps come after what they need, and each can run', (attributes) => {
  const { steps, artifacts } = plan(attributes);
  const before = new Set<string>();
  for (const step of steps) {
    const needed = Object.values(step.inputs).flatMap((input) => (isStepInput(input) ? [input.step] : []));
    if (step.tools !== undefined) needed.push(step.tools);
    expect([step.id, needed.filter((id) => !before.has(id))]).toEqual([step.id, []]);
    expect(before.has(step.id)).toBe(false);
    before.add(step.id);
    expect(stepCode(step)).toMatch(/^[0-9a-f]{64}$/);
  }
  expect(artifacts.filter(({ step }) => !before.has(step))).toEqual([]);
});

test.each(['image.esp_size', 'image.max_size', 'fleet-2026.esp'])(
  '%s = 0 is refused, no headroom is not',
  (name) => {
    expect(() => plan({}, `${name}=0`)).toThrow(`${name} cannot be 0`);
    expect(plan({}, 'image.headroom=0').steps.find(({ kind }) => kind === 'disk')?.params['headroom']).toBe(
      0,
    );
  },
);

test('only what the chosen formats need', () => {
  const ids = (...formats: string[]) => {
    const all = 'vmlinuz initrd chunks raw pxe'.split(' ').filter((name) => !formats.includes(name));
    const { steps, artifacts } = plan({}, `image.formats_del=${all.join(' ')}`);
    const made = steps.filter(({ stage }) => stage === 'package').map(({ id }) => id.replace('package/', ''));
    return [made, artifacts.map(({ name }) => name.replace(/^osmith[^.]*\./, ''))];
  };
  expect(ids('vmlinuz')).toEqual([['boot-files'], ['vmlinuz', 'config.ini', 'manifest.json']]);
  expect(ids('initrd')).toEqual([
    ['boot-files', 'root', 'initrd'],
    ['initrd', 'config.ini', 'manifest.json'],
  ]);
  expect(ids('raw')[0]).toEqual(['boot-files', 'root', 'initrd', 'disk']);
});

test('the network is open to finding packages only', () => {
  const { steps } = plan({});
  expect([...new Set(steps.filter(({ network }) => network).map(({ kind }) => kind))]).toEqual(['resolve']);
});

test('an option reaches the steps that it concerns, and no others', () => {
  const changed = (option: string) => {
    const [before, after] = [plan({ arch: 'amd64' }), plan({ arch: 'amd64' }, option)];
    return after.steps
      .filter((step, index) => canonicalJson(step) !== canonicalJson(before.steps[index]))
      .map(({ id }) => id)
      .filter((id) => id !== 'manifest/config');
  };
  expect(changed('refine.hostname=other')).toEqual(['refine/25-hostname']);
  expect(changed('image.title=Other')).toEqual(['package/disk', 'package/pxe', 'manifest/manifest']);
  expect(changed('image.compression_level=1')).toEqual(['package/root']);
  expect(changed('image.max_size=5G')).toEqual(['package/disk']);
  expect(changed('tools.packages_add=less')).toEqual(['init/resolve', 'init/tree']);
  expect(changed('vm.memory=4G')).toEqual([]);
});

test('tools that only some steps need are layers on the tree that all have', () => {
  const made = (attributes: Record<string, string>, ...set: string[]) => {
    const steps = plan({ arch: hostArch(), ...attributes }, ...set).steps;
    const init = steps.filter(({ stage }) => stage === 'init');
    const base = { step: 'init/tree', output: 'tree' };
    for (const step of init.filter(({ id }) => !id.startsWith('init/') && !id.endsWith('/fetch'))) {
      // What it lacks, with the programs that it has.
      expect(step).toMatchObject({ tools: 'init/tree', params: { mirror: 'http://mirror.test/debian' } });
      expect(step.inputs[step.kind === 'resolve' ? 'system' : 'base']).toEqual(base);
    }
    const kinds = init.filter(({ kind }) => kind === 'bootstrap').map(({ id }) => id);
    expect(kinds).toEqual(['init/tree']);
    const layers = init.filter(({ kind }) => kind === 'install');
    return Object.fromEntries(layers.map(({ id, params }) => [id, params['packages']]));
  };
  const mirror = 'tools.mirror=http://mirror.test/debian';
  const iso = ['image.formats_add=iso', 'tools.iso_packages_del=', 'tools.iso_packages_add=xorriso'];
  expect(made({}, mirror)).toEqual({});
  expect(made({ branch: 'fed' }, mirror, 'tools.bootstrap_packages_add=jq')).toEqual({
    'package-manager/tree': expect.arrayContaining(['dnf', 'jq']) as string[],
  });
  const key = `sign.key=${'0123456789ABCDEF'.repeat(2)}01234567`;
  expect(made({}, mirror, ...iso, key, 'tools.build_packages_add=jq')).toEqual({
    'build/tree': ['jq'],
    'iso/tree': expect.arrayContaining(['xorriso']) as string[],
    'sign/tree': ['gpg', 'gpg-agent'],
  });
  // A foreign system needs an emulator, what packs it does not.
  const [foreign] = ['amd64', 'arm64'].filter((arch) => arch !== hostArch());
  expect(made({ arch: foreign! }, mirror, key)).toEqual({
    'build-emulator/tree': ['qemu-user-static'],
    'sign/tree': ['gpg', 'gpg-agent'],
  });
});

test.each([
  ['bootstrap.distro=nosuch', 'E_CONFIG', /nosuch/],
  ['image.layout=nosuch', 'E_CONFIG', /layout nosuch/],
  ['refine.hooks_add=25-hostnam', 'E_HOOK_MISSING', /no hook 25-hostnam in hooks\/refine/],
  ['bootstrap.keyring=nosuch.gpg', 'E_CONFIG', /nosuch\.gpg/],
  ['build.name=../x', 'E_CONFIG', /build\.name/],
])('%s is told before any work', (option, code, message) => {
  const error = { code, message: expect.stringMatching(message) as string };
  expect(() => plan({ arch: 'amd64' }, option)).toThrow(expect.objectContaining(error));
});

test('the saved configuration gives the same values, wherever it is loaded', () => {
  const set = ['refine.packages_add=htop', 'refine.hostname=$$x', 'image.cmdline_del=quiet'];
  const attributes = { branch: 'deb12', arch: 'arm64' };
  const { steps, artifacts } = plan(attributes, ...set);
  expect(artifacts.map(({ name }) => name)).toContain('osmith_deb12_arm64.config.ini');
  const lines = steps.find(({ kind }) => kind === 'config')!.params['lines'] as string[];
  const text = lines.join('\n');
  const schema = readFileSync(join(WORKSPACE, 'config/schema.ini'), 'utf8');
  using alone = scene({ 'ws/config/local.ini': text, 'ws/config/schema.ini': schema });
  const values = (config: Config) => {
    const { build, ...sections } = toObject(config);
    return { ...sections, build: { ...build, srcdir: '', sysconfdir: '' } };
  };
  const original = values(loadConfig({ workspace: WORKSPACE, attributes, set }));
  expect(values(alone.load({ attributes: { ...attributes, product: 'appliance' } }))).toEqual(original);
  expect(alone.errors({ attributes: { ...attributes, arch: 'amd64', product: 'appliance' } })).toEqual([
    expect.stringMatching(/local.ini:\d+: \[build\] arch is set by the builder$/),
    expect.stringMatching(/local.ini:\d+: \[build\] platform is set by the builder$/),
  ]);
});

test('a private value cannot get into a plan', () => {
  using workspace = scene({
    'etc/private.ini':
      '[bootstrap]\nmirror = https://me:hunter2@mirror.test/\n[refine]\nhostname = hunter2\n',
  });
  const load = (...set: string[]) =>
    loadConfig({
      ...{
        workspace: WORKSPACE,
        systemDir: join(workspace.dir, 'etc'),
        localdir: join(workspace.dir, 'etc'),
      },
      ...{ attributes: { arch: 'amd64' }, set },
    });
  const message = 'from a private file, and would be readable';
  expect(() => makePlan(load())).toThrow(`[bootstrap] mirror is ${message}`);
  expect(() => makePlan(load('bootstrap.mirror='))).not.toThrow();
  expect(JSON.stringify(makePlan(load('bootstrap.mirror=')))).not.toContain('hunter2');
});
