/** Checksums and signatures in plans of the shipped workspace. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadConfig } from '../config/index.ts';
import { canonicalJson } from '../run/key.ts';
import { makePlan } from './index.ts';
import type { Plan } from './types.ts';

const WORKSPACE = join(import.meta.dirname, '../../workspace');
const KEY = '0123456789ABCDEF0123456789ABCDEF01234567';
const DISKS = ['image.formats_del=vmlinuz initrd chunks pxe raw', 'image.formats_add=raw.xz raw.gz qcow2'];

function plan(...set: string[]): Plan {
  return makePlan(loadConfig({ workspace: WORKSPACE, attributes: { arch: 'amd64' }, set }));
}

const names = ({ artifacts }: Plan) =>
  artifacts.map(({ name }) => name.replace('osmith_deb_amd64', 'X')).sort();

const PLAIN = ['X.config.ini', 'X.qcow2', 'X.raw.gz', 'X.raw.xz', 'manifest.json'];
const SUMMED = [
  ...['SHA256SUMS', 'X.qcow2.sha256', 'X.qcow2.size', 'X.raw.gz.sha256', 'X.raw.gz.size', 'X.raw.sha256'],
  ...['X.raw.xz.sha256', 'X.raw.xz.size'],
];
const SIGNED = [
  ...['SHA256SUMS.gpg', 'X.config.ini.asc', 'X.qcow2.asc', 'X.raw.asc', 'X.raw.gz.asc', 'X.raw.xz.asc'],
  'manifest.json.asc',
];

test('which files there are, also about what packed disks hold', () => {
  expect(names(plan(...DISKS))).toEqual(PLAIN);
  expect(names(plan(...DISKS, 'sign.checksums=true'))).toEqual([...PLAIN, ...SUMMED].sort());
  expect(names(plan(...DISKS, `sign.key=${KEY}`))).toEqual([...PLAIN, ...SUMMED, ...SIGNED].sort());
});

test('SHA256SUMS lists what is there, not what that is packed of', () => {
  const sums = plan(...DISKS, 'sign.checksums=true').steps.find(({ kind }) => kind === 'checksums')!;
  expect(sums.params['listed']).toEqual(
    ['qcow2', 'raw.gz', 'raw.xz'].map((each) => `osmith_deb_amd64.${each}`),
  );
});

test('the signature makes nothing else anew but the manifest, which names it', () => {
  const [without, signed] = [plan(...DISKS), plan(...DISKS, `sign.key=${KEY}`)];
  const before = new Map(without.steps.map((step) => [step.id, canonicalJson(step)]));
  const changed = signed.steps
    .filter((step) => before.get(step.id) !== canonicalJson(step))
    .map(({ id }) => id);
  const other = changed.filter((id) => !id.startsWith('sign/'));
  expect(other).toEqual(['manifest/config', 'manifest/manifest']);
  const withKey = signed.steps.filter(({ credentials }) => credentials !== undefined);
  expect(withKey.every(({ kind, network }) => ['sign', 'sign-key'].includes(kind) && network !== true)).toBe(
    true,
  );
});

test('one key in all forms that gpg shows, and what is none', () => {
  const key = (text: string) =>
    plan(`sign.key=${text}`).steps.find(({ kind }) => kind === 'sign-key')!.params['key'];
  for (const text of [KEY, KEY.toLowerCase(), `0x${KEY}`, KEY.replace(/.{4}/g, '$& ')])
    expect(key(text)).toBe(KEY);
  for (const text of ['me@example.org', '--help', 'ABCD', `${KEY}0`])
    expect(() => plan(`sign.key=${text}`)).toThrow(expect.objectContaining({ code: 'E_CONFIG' }));
});
