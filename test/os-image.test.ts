/**
 * The OCI image of an operating system: what other tools find in it, the same bits out of it as the build made, what is
 * laid over, and what is refused. The build is that of edge.test.ts.
 */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { defaultStoreDir } from '../src/env.ts';
import { osmith, REPO, type Finished } from './support/osmith.ts';
import { startRegistry, type Registry } from './support/registry.ts';

const NAME = 'osmith_deb_amd64';
const VERSION = '1.2.3';
const MIB = 1 << 20;
const CONFIG_AT = 75776 * 512;

let dir = '';
let registry: Registry | undefined;

function run(...argv: string[]): string {
  const { status, stdout, stderr } = spawnSync(argv[0]!, argv.slice(1), { cwd: dir, encoding: 'utf8' });
  expect(status, `${argv.join(' ')}\n${stdout}${stderr}`).toBe(0);
  return stdout;
}

/** In a store of its own, where one is named. */
function unpack(args: string[], store?: string): Promise<Finished> {
  const env = store === undefined ? {} : { OSMITH_STORE: join(dir, store) };
  return osmith(['unpack', ...args], { cwd: dir, env });
}

/** A pipeline of the shell, in which `osmith` is the real one. */
function shell(script: string, store?: string): string {
  const { status, stdout, stderr } = spawnSync('bash', ['-o', 'pipefail', '-c', script], {
    cwd: dir,
    encoding: 'utf8',
    env: {
      ...process.env,
      PATH: `${REPO}:${process.env['PATH']}`,
      ...(store === undefined ? {} : { OSMITH_STORE: join(dir, store) }),
    },
  });
  expect(status, `${script}\n${stdout}${stderr}`).toBe(0);
  return stdout;
}

const built = (extension: string) => join(dir, 'one', `${NAME}.${extension}`);

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'osmith-os-image-'));
  mkdirSync(join(dir, 'conf/DevicePortConfig'), { recursive: true });
  writeFileSync(join(dir, 'conf/server'), 'edge.example:443\n');
  writeFileSync(join(dir, 'conf/DevicePortConfig/override.json'), '{}\n');
  const settings = [
    'image.formats=raw rootfs config installer.raw os.oci.tar',
    ...[`image.disk_size=640M`, `build.build_version=${VERSION}`, 'build.epoch=1735689600'],
    `compose.config=${join(dir, 'conf')}`,
  ].flatMap((setting) => ['--set', setting]);
  const variant = ['--product', 'edge', '--arch', 'amd64'];
  const done = await osmith(['build', ...variant, '--out', join(dir, 'one'), ...settings]);
  expect(done.exitCode, done.all).toBe(0);
  run('skopeo', 'copy', '-q', `oci-archive:${built('os.oci.tar')}`, `oci:layout:${VERSION}`);
}, 1_800_000);

afterAll(() => {
  registry?.stop();
  rmSync(dir, { recursive: true, force: true });
});

test('other tools find the files by their labels, and none of them twice', () => {
  const { config } = JSON.parse(run('skopeo', 'inspect', '--config', `oci:layout:${VERSION}`)) as {
    config: { Labels: Record<string, string> };
  };
  run('umoci', 'unpack', '--rootless', '--image', `layout:${VERSION}`, 'bundle');
  const label = (name: string) => join('bundle/rootfs', config.Labels[`org.lfedge.eci.artifact.${name}`]!);
  run('cmp', label('root'), built('rootfs.img'));
  expect(run('file', '-b', label('kernel'))).toContain('Linux kernel');
  expect(run('file', '-b', label('initrd'))).toMatch(/gzip|cpio/);
  expect(config.Labels['org.opencontainers.image.version']).toBe(VERSION);
  const digests = run('find', 'bundle/rootfs/bits', '-type', 'f', '-exec', 'sha256sum', '{}', '+')
    .trim()
    .split('\n')
    .map((line) => line.split(' ')[0]);
  expect(new Set(digests).size).toBe(digests.length);
  // The disk and the installer, which hold the root file system once more, are not in it.
  const sizes = run('find', 'bundle/rootfs/bits', '-type', 'f', '-printf', '%s ').trim().split(' ');
  const sum = sizes.reduce((total, size) => total + Number(size), 0);
  expect(statSync(built('os.oci.tar')).size).toBeLessThan(1.01 * sum);
});

/** The packages and tools of the usual store, and nothing of what the build made. */
function storeWithout(name: string): void {
  const from = defaultStoreDir();
  for (const sub of ['blobs', 'results']) {
    mkdirSync(join(dir, name), { recursive: true });
    const linked = spawnSync('cp', ['-al', join(from, sub), join(dir, name, sub)]).status === 0;
    if (!linked) cpSync(join(from, sub), join(dir, name, sub), { recursive: true, preserveTimestamps: true });
  }
  const manifest = JSON.parse(readFileSync(join(dir, 'one/manifest.json'), 'utf8')) as {
    artifacts: { sha256: string }[];
  };
  const made = new Set(manifest.artifacts.map(({ sha256 }) => sha256));
  for (const digest of made)
    rmSync(join(dir, name, 'blobs/sha256', digest.slice(0, 2), digest), { force: true });
  const results = join(dir, name, 'results');
  for (const file of readdirSync(results)) {
    const text = readFileSync(join(results, file), 'utf8');
    if ([...made].some((digest) => text.includes(`"${digest}"`))) rmSync(join(results, file));
  }
}

test('in another store the same bits come out as the build made', { timeout: 1_200_000 }, async () => {
  storeWithout('store');
  const made: [string[], string][] = [
    [['live', '--serial', 'none'], 'raw'],
    [['installer_raw'], 'installer.raw'],
  ];
  for (const [args, extension] of made) {
    const done = await unpack([built('os.oci.tar'), ...args, '-o', './'], 'store');
    expect(done.exitCode, done.all).toBe(0);
    expect(done.stderr).not.toContain('warning');
    run('cmp', `${NAME}.${extension}`, built(extension));
    rmSync(join(dir, `${NAME}.${extension}`));
  }
  expect((await unpack(['layout', 'version'])).stdout).toBe(VERSION);
  expect((await unpack(['layout', 'build_config'])).stdout).toContain('build_version = 1.2.3');
  expect(JSON.parse((await unpack(['layout', 'sbom'])).stdout)).toHaveProperty('spdxVersion');
  expect((await unpack(['layout'])).stdout).toMatch(/installer_net .*\n[\s\S]*--format: raw .*qcow2/);
});

test('a registry hands it on; the standard output has the result and nothing else', async () => {
  registry = await startRegistry(dir);
  const reference = `${registry.host}/acme/os:${VERSION}`;
  run('skopeo', 'copy', '-q', '--dest-tls-verify=false', `oci:layout:${VERSION}`, `docker://${reference}`);
  expect(shell(`osmith unpack ${reference} version`, 'remote')).toBe(`${VERSION}\n`);
  shell(`osmith unpack ${reference} rootfs | cmp - ${built('rootfs.img')}`, 'remote');
  shell(`osmith unpack layout live --serial none | cmp - ${built('raw')}`);
  // Who has seen enough is no failure.
  expect(shell('osmith unpack layout rootfs | head -c 4')).toBe('hsqs');
});

test('files are laid over the configuration, and the machine gets a serial number', async () => {
  mkdirSync(join(dir, 'over/sub'), { recursive: true });
  writeFileSync(join(dir, 'over/server'), 'other.example\n');
  writeFileSync(join(dir, 'over/sub/new'), 'new\n');
  const args = ['layout', 'live', '--config', 'over', '--size', '700M', '-o', 'over.raw'];
  const done = await unpack(args);
  expect(done.exitCode, done.all).toBe(0);
  const serial = /^serial: ([0-9a-f-]{36})$/m.exec(done.stderr)![1];
  const read = (file: string) => run('mtype', '-i', `over.raw@@${CONFIG_AT}`, `::${file}`);
  expect([read('server'), read('sub/new'), read('soft_serial')]).toEqual([
    'other.example\n',
    'new\n',
    `${serial}\n`,
  ]);
  expect(read('DevicePortConfig/override.json')).toBe('{}\n');
  expect(statSync(join(dir, 'over.raw')).size).toBe(700 * MIB);
  expect(run('sgdisk', '-v', 'over.raw')).toContain('No problems found');
  // No other disk gets this number: nothing of it stays in the store.
  const digest = run('sha256sum', 'over.raw').split(' ')[0]!;
  expect(existsSync(join(defaultStoreDir(), 'blobs/sha256', digest.slice(0, 2), digest))).toBe(false);
  rmSync(join(dir, 'over.raw'));
  // The disk is there from the build, only its format is made.
  shell('osmith unpack layout live --serial none -f qcow2 --size 1G -o large.qcow2');
  expect(run('qemu-img', 'info', 'large.qcow2')).toContain('virtual size: 1 GiB');
}, 1_200_000);

test.each<[string, string[], () => void, RegExp]>([
  [
    'an unknown command',
    ['layout', 'lve'],
    () => {},
    /nothing called lve[\s\S]*Known: version, rootfs, live/,
  ],
  ['an unknown format', ['layout', 'live', '-f', 'qcow3'], () => {}, /no format qcow3[\s\S]*Known: raw/],
  ['other hardware', ['layout', 'version', '--platform', 'imx8'], () => {}, /platform generic, not for imx8/],
  [
    'another architecture',
    ['layout', 'version', '--arch', 'arm64'],
    () => {},
    /for linux\/amd64, not for linux\/arm64/,
  ],
  [
    'a size that is too small',
    ['layout', 'live', '--size', '16M'],
    () => {},
    /disk needs \d+M, which is more than --size/,
  ],
  [
    'a size of what has none',
    ['layout', 'installer_iso', '--size', '9G'],
    () => {},
    /installer.iso has no size/,
  ],
  [
    'a configuration that is not there',
    ['layout', 'live', '--config', 'nothing'],
    () => {},
    /--config is no directory: nothing/,
  ],
  [
    'a serial number of two words',
    ['layout', 'live', '--serial', 'a b'],
    () => {},
    /"a b" is no serial number/,
  ],
  ['no image', ['./nothing.tar', 'live'], () => {}, /There is no \.\/nothing\.tar/],
  [
    'a name that FAT cannot hold',
    ['layout', 'live', '--config', 'bad'],
    () => writeFileSync(join(dir, 'bad/a:b'), ''),
    /a:b cannot lie on the configuration volume/,
  ],
  [
    'a configuration that is too large',
    ['layout', 'live', '--config', 'bad'],
    () => writeFileSync(join(dir, 'bad/large'), Buffer.alloc(2 * MIB)),
    /needs 2097152 bytes on the configuration volume/,
  ],
])('%s is refused before any work', async (_what, args, prepare, message) => {
  rmSync(join(dir, 'bad'), { recursive: true, force: true });
  mkdirSync(join(dir, 'bad'));
  prepare();
  const done = await unpack([...args, '-o', 'bad-out']);
  expect(done.all).toMatch(message);
  expect(done.exitCode).toBeGreaterThan(0);
  expect(readdirSync(dir)).not.toContain('bad-out');
});

test('a layer that was altered, and an image of something else', async () => {
  cpSync(join(dir, 'layout'), join(dir, 'altered'), { recursive: true });
  const blobs = join(dir, 'altered/blobs/sha256');
  const largest = readdirSync(blobs).toSorted(
    (a, b) => statSync(join(blobs, b)).size - statSync(join(blobs, a)).size,
  )[0]!;
  const data = readFileSync(join(blobs, largest));
  data[data.length >> 1]! ^= 1;
  writeFileSync(join(blobs, largest), data);
  const done = await unpack(['altered', 'version'], 'empty');
  expect(done.all).toMatch(/E_SIGNATURE.*not what its digest promises/);
  expect(done.exitCode).toBe(5);
  run('umoci', 'init', '--layout', 'other');
  run('umoci', 'new', '--image', 'other:x');
  const other = await unpack(['other', 'version'], 'empty');
  expect(other.all).toMatch(/other is no image of an operating system[\s\S]*os\.oci\.tar makes one/);
});
