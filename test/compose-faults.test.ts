/** What is wrong with compositions and their images, as the real command tells it. */
import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { layerTar, writeLayout, type TestImage } from '../src/oci/testing.ts';
import { osmith } from './support/osmith.ts';

let dir = '';

function image(name: string, content: string, more: Partial<TestImage> = {}): TestImage {
  return { name: `docker.io/test/${name}:1`, layers: [layerTar([{ name: 'app', content }])], ...more };
}

const IMAGES: TestImage[] = [
  image('app', 'app'),
  image('kernel', '', { layers: [layerTar([{ name: 'kernel', content: 'KERNEL', mode: 0o755 }])] }),
  image('evil', '', { layers: [layerTar([{ name: '../../etc/passwd', content: 'x' }])] }),
  image('cut', 'cut'),
  image('other', 'other'),
  image('bare', 'bare', { alter: (manifest) => ({ ...manifest, config: undefined }) }),
];

/** The file with the layer of an image. */
function layerFile(name: string): string {
  const blob = (digest: string) => join(dir, 'layout/blobs/sha256', digest.slice('sha256:'.length));
  const read = (file: string) =>
    JSON.parse(readFileSync(file, 'utf8')) as Record<string, { digest: string }[]>;
  const at = IMAGES.findIndex((each) => each.name === `docker.io/test/${name}:1`);
  const { digest } = read(join(dir, 'layout/index.json'))['manifests']![at]!;
  return blob(read(blob(digest))['layers']![0]!.digest);
}

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'osmith-faults-'));
  writeLayout(join(dir, 'layout'), IMAGES);
  truncateSync(layerFile('cut'), 50);
  const other = layerFile('other');
  writeFileSync(other, readFileSync(other).fill(0, 20, 24));
});

afterAll(() => rmSync(dir, { recursive: true, force: true }));

test.each<[string, string, string[], number, RegExp]>([
  [
    'an unknown key',
    'services:\n  - name: a\n    image: b\n    comand: []\n',
    [],
    2,
    /There is no key services\[0\]\.comand[\s\S]*bad\.yml:4/,
  ],
  ['a refused layer', 'init: [test/evil:1]\n', [], 1, /refused: "\.\.\/\.\.\/etc\/passwd" leads upwards/],
  [
    'another architecture',
    'init: [test/app:1]\n',
    ['--arch', 'arm64'],
    1,
    /linux\/amd64, not for linux\/arm64[\s\S]*bad\.yml:1/,
  ],
  ['a registry that is down', 'init: ["127.0.0.1:1/a:1"]\n', [], 1, /Cannot get 127\.0\.0\.1:1\/a:1/],
  [
    'a kernel that is not there',
    'kernel: {image: test/app:1}\n',
    [],
    1,
    /did not find kernel in kernel image/,
  ],
  [
    'kernel modules that are not there',
    'kernel: {image: test/kernel:1, tar: x.tar}\n',
    [],
    1,
    /did not find kernel tar/,
  ],
  [
    'a file that is not there',
    'files: [{path: a, source: nothing}]\n',
    [],
    2,
    /Cannot read .*nothing[\s\S]*bad\.yml:1/,
  ],
  [
    'a file without content',
    'files:\n  - path: a\n',
    [],
    2,
    /contents of file \(a\) not specified[\s\S]*bad\.yml:2/,
  ],
  ['a file with two contents', 'files: [{path: a, contents: "", source: b}]\n', [], 2, /Contents and Source/],
  ['a path that leads out', 'files: [{path: ../a, contents: ""}]\n', [], 2, /leads out of the system/],
  [
    'a bad mode',
    'files: [{path: a, contents: "", mode: "9"}]\n',
    [],
    2,
    /cannot parse file mode as octal value/,
  ],
  [
    'a layer that is cut off',
    'init: [test/app:1, test/cut:1]\n',
    [],
    5,
    /is not what its digest promises: it ends after 50 of \d+ bytes[\s\S]*bad\.yml:1/,
  ],
  [
    'a layer with another content',
    'init: [test/other:1]\n',
    [],
    5,
    /is not what its digest promises: expected sha256:/,
  ],
  [
    'an image without config',
    'init:\n- test/bare:1\n',
    [],
    1,
    /test\/bare:1 is an image without config[\s\S]*bad\.yml:2/,
  ],
  ['an unknown format', '', ['--format', 'floppy'], 2, /unknown format type floppy/],
  ['a format of another program', '', ['--format', 'rpi3'], 2, /rpi3 is not made here\s+hint: Make kernel/],
  ['an option of another program', '', ['--docker'], 2, /no option --docker here\s+hint: .*skopeo copy/],
  ['a size of what has none', '', ['--size', '1G'], 2, /tar has no size to choose/],
  ['a boot without kernel', '', ['--format', 'kernel+initrd'], 2, /no kernel to boot/],
  ['a layout that is none', '', ['--layout', 'store'], 1, /is no OCI image layout/],
])('%s: one error, and the last good output stays', async (_what, text, args, exitCode, message) => {
  writeFileSync(join(dir, 'bad.yml'), text);
  writeFileSync(join(dir, 'kept.tar'), 'kept');
  const common = ['--layout', 'layout', '--arch', 'amd64', '--output', 'kept.tar'];
  const env = { OSMITH_STORE: join(dir, 'store') };
  const done = await osmith(['compose', 'bad.yml', ...common, ...args], { cwd: dir, env });
  expect(done.all).toMatch(message);
  expect(done.all).not.toMatch(/^\s+at .*\.ts:\d+/m);
  expect(done.exitCode, done.all).toBe(exitCode);
  expect(readFileSync(join(dir, 'kept.tar'), 'utf8')).toBe('kept');
  expect(existsSync(join(dir, 'kept.tar-kernel'))).toBe(false);
});
