/** The document of an image comes from whoever made the image: it chooses from what is harmless, or is refused. */
import { expect, test } from 'vitest';
import { parseAssembly, type Assembly } from './assembly.ts';

const SHA = 'a'.repeat(64);
const GOOD: Assembly = {
  ...{ format: 1, osmith: '1', name: 'os_deb_amd64', version: '1', attributes: { arch: 'amd64' } },
  steps: [
    { id: 'package/disk', kind: 'disk', params: {}, inputs: { a: { step: 'image/boot', output: 'kernel' } } },
  ],
  outputs: { raw: { extension: 'raw', from: { step: 'package/disk', output: 'raw' } } },
  parts: [{ step: 'image/boot', output: 'kernel', path: 'bits/vmlinuz', digest: SHA, size: 1 }],
  results: { 'image/boot': { facts: {}, epoch: 1 } },
  raw: { digest: SHA, size: 1 },
};

test('what osmith writes is read', () => {
  expect(parseAssembly(JSON.stringify(GOOD), 'x')).toEqual(GOOD);
});

const [step, part] = [GOOD.steps[0]!, GOOD.parts[0]!];
test.each<[string, object, RegExp]>([
  ['a step that runs scripts', { steps: [{ ...step, kind: 'hook' }] }, /steps\.0\.kind/],
  ['a step with the network', { steps: [{ ...step, network: true }] }, /steps\.0/],
  ['a step with a credential', { steps: [{ ...step, credentials: ['gpg'] }] }, /steps\.0/],
  [
    'a file of the host as an input',
    { steps: [{ ...step, inputs: { a: { source: '/etc/shadow', digest: SHA } } }] },
    /steps\.0\.inputs\.a/,
  ],
  ['a step id that leaves its directory', { steps: [{ ...step, id: 'package//../x' }] }, /steps\.0\.id/],
  ['a name with a directory', { name: '../os' }, /name/],
  [
    'an ending with a directory',
    { outputs: { raw: { ...GOOD.outputs['raw'], extension: 'a/b' } } },
    /extension/,
  ],
  ['an attribute with a directory', { attributes: { product: '../../x' } }, /attributes\.product/],
  ['a part outside', { parts: [{ ...part, path: 'bits/../../etc/passwd' }] }, /parts\.0\.path/],
  ['a part at an absolute path', { parts: [{ ...part, path: '/etc/passwd' }] }, /parts\.0\.path/],
  ['a digest that is none', { parts: [{ ...part, digest: '../x' }] }, /parts\.0\.digest/],
  [
    'an input that nobody makes',
    { steps: [{ ...step, inputs: { a: { step: 'image/other', output: 'x' } } }] },
    /package\/disk needs x of image\/other, which is not there/,
  ],
  [
    'an output that nobody makes',
    { outputs: { iso: { extension: 'iso', from: { step: 'package/iso', output: 'iso' } } } },
    /iso is made by package\/iso, which is not there/,
  ],
  ['another generation', { format: 2 }, /format/],
])('%s is refused', (_what, change, where) => {
  const parse = () => parseAssembly(JSON.stringify({ ...GOOD, ...change }), 'x');
  expect(parse).toThrow(expect.objectContaining({ code: 'E_IMAGE' }) as Error);
  expect(parse).toThrow(where);
});

test('what is no JSON', () => {
  expect(() => parseAssembly('{', 'x: /bits/assembly.json')).toThrow(/x: \/bits\/assembly\.json is no JSON/);
});
