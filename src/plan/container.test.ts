/** What plans for containers ask of the steps, and what comes of it. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import { loadConfig, type Config } from '../config/index.ts';
import { run } from '../disk/testing.ts';
import { parseReference } from '../oci/reference.ts';
import type { ContainerBuild } from '../release/official/build.ts';
import { libraryOf } from '../release/official/entries.ts';
import { parseLibrary } from '../release/official/library.ts';
import { lintLibrary } from '../release/official/lint-library.ts';
import { officialSettings, variantNames } from '../release/official/settings.ts';
import { DIRECTORY } from '../run/layer/entry.ts';
import { EPOCH, runStep, treeOf } from '../steps/testing.ts';
import { makePlan } from './index.ts';
import type { Step } from './types.ts';

const WORKSPACE = join(import.meta.dirname, '../../workspace');

function configOf(branch: string, personality = 'base', set: string[] = [], arch = 'amd64'): Config {
  const attributes = { product: 'container', branch, arch, personality };
  return loadConfig({ workspace: WORKSPACE, attributes, set });
}

function stepsOf(...which: Parameters<typeof configOf>): Map<string, Step> {
  return new Map(makePlan(configOf(...which)).steps.map((step) => [step.id, step]));
}

/** Paths in Arch's recipe that must not be in an archive, and what is beside them that must. */
const OUT = [
  ...['.dockerenv', '.dockerinit', 'sys/x', 'proc/x', 'dev/null', 'etc/hostname', 'etc/machine-id'],
  ...['etc/resolv.conf', 'etc/pacman.d/gnupg/openpgp-revocs.d/a', 'etc/pacman.d/gnupg/private-keys-v1.d/a'],
  ...['etc/pacman.d/gnupg/pubring.gpg~', 'etc/pacman.d/gnupg/S.agent', 'root/.bashrc', 'tmp/x', 'var/tmp/x'],
  ...['var/cache/pacman/pkg/a.pkg', 'var/lib/pacman/sync/core.db', 'alpm-hooks/x'],
];
const IN = [
  'etc/pacman.d/gnupg/pubring.gpg',
  'etc/passwd',
  'usr/bin/pacman',
  'var/lib/pacman/local/x',
  'root',
  'tmp',
];

test("Arch's images have nothing that its recipe leaves out, whatever the group", async () => {
  for (const group of ['base', 'base-devel', 'multilib-devel', 'repro']) {
    const steps = stepsOf('arch', group);
    const bootstrap = steps.get('bootstrap/tree')!.params;
    expect(bootstrap).toMatchObject({ scripts: false });
    expect(bootstrap['include']).toEqual(['base', ...(group.endsWith('-devel') ? [group] : [])]);
    expect(steps.get('refine/70-by-hand.chroot'), group).toBeDefined();
  }
  const { params } = stepsOf('arch').get('package/rootfs')!;
  const directories = ['root', 'tmp'].map((path) => ({ path, type: DIRECTORY, mode: 0o755 }) as const);
  const files = [...OUT, ...IN.slice(0, -2)].map((path) => ({ path, content: path }));
  const { files: made } = await runStep('archive', params, { tree: treeOf([...directories, ...files]) });
  const listed = run(['tar', '-tf', made['tar']!]).stdout.trimEnd().split('\n');
  expect(listed.map((path) => path.replace(/\/$/, '')).sort()).toEqual([...IN].sort());
  const repro = stepsOf('arch', 'repro').get('package/rootfs')!.params['exclude'];
  expect(repro).toContain('etc/pacman.d/gnupg/*');
});

const BRANCHES = readdirSync(join(WORKSPACE, 'config/branch')).map((file) => basename(file, '.ini'));

/** Kernels, what boots them, and what is run where they run. */
const OF_MACHINES =
  /^(?:linux-image|kernel|grub|shim|systemd|udev|dbus|kmod|iproute|dosfstools|busybox-static|tzdata|timezone|libstdc)/;

test.each(BRANCHES)('%s: nothing of a machine is in it', (branch) => {
  for (const arch of branch === 'arch' ? ['amd64'] : ['amd64', 'arm64']) {
    const { base, extra } = stepsOf(branch, 'base', [], arch).get('bootstrap/resolve')!.params;
    const packages = [base, extra].flat() as string[];
    expect(packages.length).toBeGreaterThan(0);
    expect(packages.filter((name) => OF_MACHINES.test(name))).toEqual([]);
  }
});

test('each distribution has a name of its own for docker, and tags that the official images take', () => {
  const names = BRANCHES.map((branch) => {
    const { params } = stepsOf(branch).get('package/image')!;
    const { repository, tag } = parseReference(`${params['name'] as string}:20260816`);
    expect([repository, tag]).toEqual([`library/osmith-${branch}`, '20260816']);
    expect((params['command'] as string[]).join()).toMatch(
      branch === 'alpine' ? /^\/bin\/sh$/ : /^\S+\/bash$/,
    );
    return repository;
  });
  expect(new Set(names).size).toBe(BRANCHES.length);
  const set = [
    'official.maintainers=Ada Lovelace <ada@os.example> (@ada)',
    'official.url=https://os.example/image.git',
  ];
  for (const branch of BRANCHES) {
    const config = configOf(branch, 'base', set);
    const builds = ['amd64', 'arm64'].map((arch) => ({ arch }) as ContainerBuild);
    const released = { commit: 'a'.repeat(40), tag: 'refs/tags/16082026', stamp: '16082026' };
    const text = libraryOf([{ ...variantNames(config), builds }], officialSettings(config), released);
    const { library, faults } = parseLibrary(text, branch);
    expect([...faults, ...lintLibrary(library, branch)]).toEqual([]);
    expect(text).toContain('Tags: latest, base, base-16082026\nArchitectures: amd64, arm64v8\n');
  }
});

test('an image says what it is, with either kind of layer', async () => {
  const set = [
    'container.layer=gzip',
    'container.version=1.2',
    'container.vendor=Us',
    'container.name=os/base',
  ];
  const steps = stepsOf('deb', 'base', set);
  const image = steps.get('package/image')!;
  expect(image.inputs['layer/root']).toEqual({ step: 'package/layer', output: 'file' });
  const tar = treeOf([{ path: 'a', content: 'a' }]).tree;
  const { files, facts } = await runStep(
    'container-image',
    { ...image.params, arch: 'arm64' },
    { 'tar/root': tar, 'layer/root': tar },
  );
  const archive = files['file']!;
  const member = (name: string) =>
    JSON.parse(run(['tar', '-xOf', archive, name]).stdout) as Record<string, unknown>;
  const [docker] = member('manifest.json') as unknown as [{ Config: string; RepoTags: string[] }];
  expect(docker.RepoTags).toEqual(['os/base:1.2']);
  expect(member(docker.Config)).toMatchObject({
    ...{
      architecture: 'arm64',
      variant: 'v8',
      created: new Date(EPOCH * 1000).toISOString().replace('.000', ''),
    },
    config: { Cmd: ['/bin/bash'], Labels: { 'org.opencontainers.image.vendor': 'Us' } },
  });
  expect(member('index.json')).toMatchObject({ manifests: [{ digest: facts['digest'] }] });
  expect(readFileSync(archive).includes('layer.v1.tar+gzip')).toBe(true);
  const inputs = { 'tar/root': tar, 'layer/root': tar };
  const bad = runStep('container-image', { ...image.params, version: 'a b' }, inputs);
  await expect(bad).rejects.toMatchObject({ code: 'E_STEP', message: /can be no tag of an image: a b/ });
});
