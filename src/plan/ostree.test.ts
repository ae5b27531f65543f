/** Plans of systems that are deployed by OSTree. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadConfig } from '../config/index.ts';
import { canonicalJson } from '../run/key.ts';
import { loadKind, stepCode } from '../steps/registry.ts';
import { makePlan } from './index.ts';
import type { Plan } from './types.ts';

const WORKSPACE = join(import.meta.dirname, '../../workspace');
let dir: string;
let keys: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'osmith-test-'));
  keys = join(dir, 'keys.asc');
  writeFileSync(keys, 'a key');
});
afterAll(() => rmSync(dir, { recursive: true }));

function plan(...set: string[]): Plan {
  const attributes = { product: 'desktop', arch: 'amd64' };
  return makePlan(loadConfig({ workspace: WORKSPACE, attributes, set }));
}

function step(made: Plan, id: string) {
  return made.steps.find((each) => each.id === `package/${id}`);
}

test.each(['amd64', 'arm64'])('%s: every step can run, with parameters that its kind takes', async (arch) => {
  const attributes = { product: 'desktop', arch };
  const { steps } = makePlan(loadConfig({ workspace: WORKSPACE, attributes, set: [] }));
  for (const each of steps) {
    expect(stepCode(each)).toMatch(/^[0-9a-f]{64}$/);
    const { params } = await loadKind(each.kind);
    expect([each.id, params.safeParse(each.params).error]).toEqual([each.id, undefined]);
  }
});

test('a first release needs no network but for packages, and no credentials', () => {
  const { steps } = plan();
  expect([...new Set(steps.filter(({ network }) => network).map(({ kind }) => kind))]).toEqual(['resolve']);
  expect(steps.filter(({ credentials }) => credentials !== undefined)).toEqual([]);
});

test('who signs changes what is published and deployed, not the commit', () => {
  const signed = plan(`ostree.keys=${keys}`, 'ostree.signing_key=ABCD');
  const other = plan(`ostree.keys=${keys}`, 'ostree.signing_key=EF01');
  const differ = signed.steps.filter(
    (each, index) => canonicalJson(each) !== canonicalJson(other.steps[index]),
  );
  expect(differ.map(({ id }) => id)).toEqual(['package/publish', 'manifest/config']);
  const own = (made: Plan) => step(made, 'deployment')!.inputs['repo'];
  expect([own(plan()), own(signed)]).toEqual([
    { step: 'package/commit', output: 'repo' },
    { step: 'package/publish', output: 'repo' },
  ]);
  expect(step(signed, 'publish')).toMatchObject({ credentials: ['gpg'] });
});

test('after another release, its commit is the parent, verified by the keys', () => {
  const made = plan(`ostree.keys=${keys}`, 'ostree.previous_url=http://updates.example.org');
  expect(step(made, 'previous')).toMatchObject({
    ...{ kind: 'ostree-resolve', network: true },
    params: { gpgVerify: true },
    inputs: { keys: { source: keys } },
  });
  expect(step(made, 'commit')!.inputs['parent']).toEqual({ step: 'package/previous', output: 'commit' });
});

test.each(['', 'http://os.example.org'])('systemd-boot gets what the deployment has (pull_url=%s)', (url) => {
  const attributes = { product: 'desktop', arch: 'amd64', platform: 'sdboot' };
  const set = [`ostree.keys=${keys}`, `ostree.pull_url=${url}`];
  const made = makePlan(loadConfig({ workspace: WORKSPACE, attributes, set }));
  const files = ['entry', 'initrd', 'mm', 'root', 'sdboot', 'shim', 'vmlinuz'];
  expect(Object.keys(step(made, 'disk')!.inputs).sort()).toEqual(files);
  expect(step(made, 'disk')!.params).toMatchObject({ system: 'systemd-boot', bios: false });
  expect(step(made, 'boot-files')!.inputs['root']).toEqual({ step: 'package/deployment', output: 'sysroot' });
  expect(made.steps.some(({ id }) => id === 'refine/65-boot-entries.chroot')).toBe(url === '');
});

test('a commit from elsewhere takes the place of all that makes one', () => {
  const made = plan(
    `ostree.keys=${keys}`,
    'ostree.pull_url=http://os.example.org',
    'image.formats_del=ostree',
  );
  expect(made.steps.filter(({ stage }) => stage !== 'init').map(({ id }) => id)).toEqual([
    ...['package/resolve', 'package/commit', 'package/deployment', 'package/boot-files'],
    ...['package/root', 'package/disk', 'manifest/config', 'sign/checksums', 'manifest/manifest'],
  ]);
});

test.each([
  ['ostree.ref=../x', /ostree\.ref is no name of a branch/],
  ['ostree.ref=a//b', /ostree\.ref/],
  ['ostree.os=../x', /ostree\.os is no name/],
  ['ostree.previous_url=http://updates.example.org', /ostree\.keys is not/],
  ['ostree.pull_url=http://os.example.org', /ostree\.keys is not/],
  ['ostree.url=http://os.example.org', /ostree\.keys is not/],
  ['ostree.signing_key=ABCD', /ostree\.keys is not/],
  ['image.cmdline=quiet;reboot', /image\.cmdline .*GRUB/],
  ['image.cmdline=a=$$b', /image\.cmdline/],
])('%s is refused before any work', (setting, message) => {
  expect(() => plan(setting)).toThrow(message);
});
