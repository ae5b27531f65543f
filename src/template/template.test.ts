/** Templates with their modifiers, variants and lock files, and versions next to what git says. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readComposition } from '../compose/composition.ts';
import { parseReference } from '../oci/reference.ts';
import type { OsmithError } from '../errors.ts';
import { renderFile, type TemplateRequest } from './compose-template.ts';
import { checkLock, lockFileOf, pinBy, readLock, updatedEntries, writeLock } from './lock.ts';
import { allVariants, readVariants } from './variants.ts';
import { computeVersion, versionFlags } from './version.ts';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'osmith-test-'));
  git('init', '-q', '-b', 'feature/x');
  for (const name of ['app', 'dom0-ztools']) put(`pkg/${name}/build.yml`, `image: ${name}\norg: acme\n`);
  put('pkg/app/build-dev.yml', 'image: app-dev\norg: acme\n');
  put('images/system.yml.in', TEMPLATE);
  put('images/variants.yml', VARIANTS);
  put('images/modifiers/hv/k.yq', '.services += {"name": "kube", "image": "APP_TAG"}');
  git('add', '-A');
  git('commit', '-q', '-m', 'x');
});
afterEach(() => rmSync(dir, { recursive: true }));

const TEMPLATE = `# The system, as KERNEL_TAG has it
kernel: {image: KERNEL_TAG, cmdline: "quiet"}
init:
  - DOM0ZTOOLS_TAG # first
  - DOM0_ZTOOLS_TAG
services:
  # one service
  - name: app
    image: APP_TAG
files:
  - {path: etc/hv, contents: EVE_HV, mode: "0644"}
  - {path: etc/platform, contents: EVE_PLATFORM}
  - {path: etc/words, contents: "NO_TAGS here: APP_TAG."}
`;
const VARIANTS = `arch:
  amd64: {platform: [generic, rt], hv: [kvm, k, xen]}
  arm64: {platform: [generic], hv: [kvm]}
exclude:
  - {hv: k, platform: rt, why: "k has no such kernel"}
plain: [rt]
tags:
  amd64: {KERNEL_TAG: "acme/kernel:1"}
  amd64/rt: {KERNEL_TAG: "acme/kernel:rt"}
`;

function git(...args: string[]): string {
  const identity = [
    '-c',
    'user.name=t',
    '-c',
    'user.email=t@example.org',
    '-c',
    'commit.gpgsign=false',
    '-c',
    'tag.gpgsign=false',
  ];
  return execFileSync('git', ['-C', dir, ...identity, ...args], { encoding: 'utf8' }).trim();
}
function put(name: string, text: string): void {
  mkdirSync(dirname(join(dir, name)), { recursive: true });
  writeFileSync(join(dir, name), text);
}
function render(request: Partial<TemplateRequest> = {}) {
  const none = { modifiers: [], packages: [], tags: new Map<string, string>() };
  return renderFile(join(dir, 'images/system.yml.in'), { arch: 'amd64', ...none, ...request });
}
async function fault(work: Promise<unknown>): Promise<string> {
  const error = (await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )) as OsmithError;
  const { where, hint } = error.details;
  const at = where === undefined ? '' : `${where.file}:${where.line} `;
  return `${error.code} ${at}${error.message} (${hint})`.replaceAll(`${dir}/`, '');
}

test('names become references; comments, order and the rest stay as they are', async () => {
  const { text } = await render({ platform: 'rt' });
  const [app, tools] = ['app', 'dom0-ztools'].map(
    (name) => `acme/${name}:${git('rev-parse', `HEAD:pkg/${name}`)}`,
  );
  expect(text).toBe(
    TEMPLATE.replaceAll('{image: KERNEL_TAG,', '{image: acme/kernel:rt,')
      .replace(/DOM0_?ZTOOLS_TAG/g, tools!)
      .replaceAll(/(?<!_)APP_TAG/g, app!)
      .replace('EVE_HV', 'kvm')
      .replace('EVE_PLATFORM', 'rt'),
  );
});

test('a hypervisor has its modifier, and a version its variants of packages', async () => {
  const { text, tags } = await render({
    hv: 'k',
    version: '0.0.0-master-a437e8e4-dirty-2024-07-15.10.22-dev-kvm-amd64',
  });
  const tree = git('rev-parse', 'HEAD:pkg/app');
  expect(text).toContain(`  - name: app\n    image: acme/app-dev:${tree}\n`);
  expect(text).toContain(`  - name: kube\n    image: acme/app-dev:${tree}\n`);
  expect(text).toContain(`NO_TAGS here: acme/app:${tree}.`);
  expect([...tags.keys()].sort()).toEqual([
    'APP_DEV_TAG',
    'APP_TAG',
    'DOM0ZTOOLS_TAG',
    'DOM0_ZTOOLS_TAG',
    'KERNEL_TAG',
  ]);
});

test.each<[string, Partial<TemplateRequest>, string]>([
  [
    'an architecture',
    { arch: 'arm' },
    'E_CONFIG images/variants.yml:2 Unsupported architecture arm (ZARCH) (Allowed: amd64, arm64)',
  ],
  [
    'a hypervisor',
    { hv: 'kwm' },
    'E_CONFIG images/variants.yml:2 Unsupported hypervisor kwm (HV) (Did you mean kvm? Allowed: kvm, k, xen)',
  ],
  [
    'a platform',
    { platform: 'gen' },
    'E_CONFIG images/variants.yml:2 Unsupported combination of architecture amd64 and platform gen (PLATFORM) (Allowed: generic, rt)',
  ],
  [
    'a combination',
    { hv: 'k', platform: 'rt' },
    'E_CONFIG images/variants.yml:5 There is no system with platform rt and hv k (k has no such kernel)',
  ],
  [
    'no modifier',
    { hv: 'xen' },
    'E_COMPOSE There is no modifier images/modifiers/hv/xen.yq (There are k.yq)',
  ],
  [
    'a missing modifier',
    { modifiers: ['images/modifiers/hv/kk.yq'] },
    'There is no modifier images/modifiers/hv/kk.yq',
  ],
  ['no tag', { arch: 'arm64' }, 'E_COMPOSE images/system.yml.in:2 There is no package for KERNEL_TAG'],
])('bad: %s', async (_what, request, wanted) => {
  expect(await fault(render(request))).toContain(wanted);
});

test('all variants, for who builds them', async () => {
  const variants = await readVariants(join(dir, 'images/variants.yml'));
  const names = allVariants(variants!).map(({ arch, platform, hv }) => `${arch}/${platform}/${hv}`);
  expect(names).toEqual([
    'amd64/generic/kvm',
    'amd64/generic/k',
    'amd64/generic/xen',
    'amd64/rt/kvm',
    'amd64/rt/xen',
    'arm64/generic/kvm',
  ]);
});

const NOON = Date.UTC(2026, 1, 3, 12, 5, 59);
const version = (options: Partial<Parameters<typeof computeVersion>[1]> = {}) =>
  computeVersion(dir, { now: NOON, ...options });

test('versions of a checkout', async () => {
  const short = git('rev-parse', '--short=8', 'HEAD');
  expect(await version()).toBe(`0.0.0-feature_x-${short}`);
  put('new', '');
  expect(await version()).toBe(`0.0.0-feature_x-${short}`);
  put('pkg/app/build.yml', 'image: app\n');
  expect(await version()).toBe(`0.0.0-feature_x-${short}-dirty-2026-02-03.12.05`);
  expect(await version({ dev: true, platform: 'rt', kernel: 'acme/kernel:kernel-6.1' })).toBe(
    `0.0.0-feature_x-${short}-dirty-2026-02-03.12.05-dev-k-6.1-rt`,
  );
  git('checkout', '-q', '.');
  git('tag', '10.2.0-lts');
  expect(await version({ platform: 'generic' })).toBe('10.2.0-lts');
  expect(await version({ kernel: `x@${DIGEST('a')}` })).toBe('10.2.0-lts-k-aaaaaaaaaaaa');
  git('commit', '-q', '--allow-empty', '-m', 'y');
  expect(await version()).toBe(`0.0.0-feature_x-${git('rev-parse', '--short=8', 'HEAD')}`);
  git('tag', 'v1.2.3');
  git('checkout', '-q', '--detach');
  expect(await version()).toBe(`0.0.0-HEAD-${git('rev-parse', '--short=8', 'HEAD')}`);
});

test.each([
  ['0.0.0-master-a437e8e4-dirty-2024-07-15.10.22-dev-kvm-generic-amd64', 'dev kvm generic amd64'],
  ['0.0.0-master-a437e8e4-k-amd64', 'k amd64'],
  ['0.0.0-deadbeef-a437e8e4-dev', 'dev'],
])('flags of %s', (text, flags) => {
  expect(versionFlags(text).join(' ')).toBe(flags);
});

const DIGEST = (digit: string) => `sha256:${digit.repeat(64)}`;

test('a lock file is written by updates only, of what was named only', async () => {
  const file = lockFileOf(join(dir, 'images/system.yml.in'));
  expect(file).toBe(join(dir, 'images/system.lock'));
  expect(lockFileOf('a.yml')).toBe('a.lock');
  const first = [
    { key: 'tag APP_TAG', value: 'acme/app:1' },
    { key: 'image docker.io/acme/x:1 amd64', value: DIGEST('1') },
  ];
  await writeLock(file, updatedEntries(undefined, first, []));
  const lock = (await readLock(file))!;
  checkLock(lock, first);
  const later = first.map(({ key }) => ({ key, value: key.startsWith('tag') ? 'acme/app:2' : DIGEST('2') }));
  const drift = await fault(Promise.resolve().then(() => checkLock(lock, later)));
  expect(drift).toMatch(
    /^E_DRIFT images\/system.lock:3 tag APP_TAG is acme\/app:2 now, and acme\/app:1 in the lock file/,
  );
  expect(updatedEntries(lock, later, ['APP_TAG'])).toEqual([first[1], later[0]]);
  expect(() => updatedEntries(lock, later, ['OTHER'])).toThrow('There is no tag or reference OTHER');
  const pin = pinBy(lock);
  expect(pin(parseReference('acme/x:1'), 'amd64', undefined)).toBe(DIGEST('1'));
  expect(pin(parseReference(`acme/y@${DIGEST('3')}`), 'amd64', undefined)).toBeUndefined();
  expect(() => pin(parseReference('acme/x:1'), 'arm64', undefined)).toThrow(
    'has no entry for image docker.io/acme/x:1 arm64',
  );
  put('images/system.lock', '<<<<<<< HEAD\n');
  expect(await fault(readLock(file))).toMatch(
    /^E_DRIFT images\/system.lock:1 This is no line of a lock file/,
  );
});

test('all variants of the shipped template are as its lock file records', async () => {
  const images = join(import.meta.dirname, '../../workspace/images');
  const file = join(images, 'edge.yml.in');
  const lock = await readLock(lockFileOf(file));
  const variants = allVariants((await readVariants(join(images, 'variants.yml')))!);
  expect(variants.map(({ hv }) => hv)).toEqual(['kvm', 'mini', 'kvm', 'mini']);
  const none = { modifiers: [], packages: [], tags: new Map<string, string>() };
  for (const variant of variants) {
    const { text, tags } = await renderFile(file, { ...variant, ...none });
    checkLock(
      lock!,
      [...tags].map(([name, value]) => ({ key: `tag ${name}`, value })),
    );
    const { services, files } = readComposition([{ file, text }]);
    expect(services.map(({ name }) => name)).toEqual(
      variant.hv === 'mini' ? ['dhcp', 'getty'] : ['dhcp', 'getty', 'httpd'],
    );
    expect(files[0]).toMatchObject({ path: 'etc/hv-type', contents: variant.hv });
  }
});
