/** Systems composed by the real command out of images in layouts, read back by another program. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { layerTar, writeLayout } from '../src/oci/testing.ts';
import { osmith, REPO, type Finished } from './support/osmith.ts';
import { readTar as read } from './support/tar.ts';

let dir = '';
let store = '';

const modules = layerTar([
  { name: 'lib/', type: '5' },
  { name: 'lib/modules/x.ko', content: 'module' },
]);
const IMAGES = [
  {
    name: 'docker.io/test/kernel:1',
    layers: [
      layerTar([
        { name: 'kernel', content: 'KERNEL', mode: 0o755 },
        { name: 'kernel.tar', content: modules },
        { name: 'ucode.cpio', content: 'UCODE' },
        { name: 'kernel-dev.tar', content: 'unused' },
      ]),
    ],
  },
  {
    name: 'docker.io/test/init:1',
    layers: [
      layerTar([
        { name: 'bin/', type: '5' },
        { name: 'bin/tool', content: 'v1', mode: 0o4755, uid: 3, gid: 4, mtime: 1234 },
        { name: 'bin/link', type: '1', link: 'bin/tool' },
        { name: 'lib/apk/db/installed', content: 'P:one\n' },
        { name: 'etc/', type: '5', mode: 0o700 },
        { name: 'etc/hostname', content: 'x' },
        { name: 'etc/resolv.conf', content: 'x' },
        { name: 'gone', content: 'x' },
        { name: 'cap', content: 'x', records: { 'SCHILY.xattr.security.capability': 'cap', mtime: '5.25' } },
      ]),
      layerTar([{ name: '.wh.gone' }, { name: 'bin/tool', content: 'v2' }]),
    ],
  },
  {
    name: 'docker.io/test/more:1',
    layers: [layerTar([{ name: 'lib/apk/db/installed', content: 'P:two\n' }])],
  },
  {
    name: 'docker.io/test/app:1',
    layers: [layerTar([{ name: 'app', content: 'app' }])],
    config: { Cmd: ['/app'], Labels: { 'org.mobyproject.config': '{"capabilities":["CAP_KILL"]}' } },
  },
];

const SYSTEM = `
kernel: {image: test/kernel:1, cmdline: "console=ttyS0", ucode: ucode.cpio}
init: [test/init:1, test/more:1]
volumes:
  - {name: data, image: test/app:1}
  - {name: fixed, image: test/app:1, readonly: true}
  - {name: empty}
onboot:
  - {name: one, image: test/app:1, binds: ["data:/data", "fixed:/fixed:ro"]}
  - {name: two, image: test/app:1, readonly: true}
onshutdown: [{name: last, image: test/more:1, readonly: true}]
services: [{name: svc, image: test/app:1}, {name: ro, image: test/more:1, readonly: true}]
files:
  - {path: etc/deep/file, contents: hello, mode: "0640", uid: svc}
  - {path: /etc/deep/other, contents: ""}
  - {path: var/dir, directory: true}
  - {path: etc/link, symlink: /proc/x}
  - {path: etc/from, source: source.txt}
  - {path: etc/not, source: nothing.txt, optional: true}
  - {path: etc/system.yml, metadata: yaml}
`;

async function compose(args: string[], environment: Record<string, string> = {}): Promise<Finished> {
  const env = { OSMITH_STORE: store, ...environment };
  return osmith(['compose', '--layout', 'layout', '--arch', 'amd64', ...args], { cwd: dir, env });
}

async function composed(args: string[], environment?: Record<string, string>): Promise<void> {
  const done = await compose(args, environment);
  expect(done.exitCode, done.all).toBe(0);
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'osmith-compose-'));
  store = join(dir, 'store');
  writeLayout(join(dir, 'layout'), IMAGES);
  writeFileSync(join(dir, 'system.yml'), SYSTEM);
  writeFileSync(join(dir, 'source.txt'), 'from outside');
  await composed(['system.yml', '--output', 'system.tar']);
});

afterAll(() => rmSync(dir, { recursive: true, force: true }));

test('the tree: order, contents, owners, modes, times, origins', () => {
  const rows = read(join(dir, 'system.tar'));
  const names = rows.map(({ name }) => name);
  const one = (name: string) => rows.findLast((row) => row.name === name)!;
  expect(names.slice(0, 7)).toEqual([
    ...['boot', 'boot/cmdline', 'boot/kernel', 'lib', 'lib/modules/x.ko', 'boot/ucode.cpio', 'bin/tool'],
  ]);
  expect(one('boot/cmdline')).toMatchObject({ data: 'console=ttyS0', mode: '0o644' });
  expect(one('boot/kernel')).toMatchObject({ data: 'KERNEL', mode: '0o755', mtime: 1492533000 });
  // The link keeps the content that a higher layer replaced under its other name.
  expect(one('bin/tool')).toMatchObject({ data: 'v2', type: '0' });
  expect(one('bin/link')).toMatchObject({
    data: 'v1',
    type: '0',
    owner: [3, 4],
    mode: '0o4755',
    mtime: 1234,
  });
  expect(one('cap').pax).toMatchObject({ 'SCHILY.xattr.security.capability': 'cap', mtime: '5.25' });
  expect(names).not.toContain('gone');
  expect(names).not.toContain('etc/hostname');
  const init = rows.filter(({ pax }) => pax['LINUXKIT.location'] === 'init[0]').map(({ name }) => name);
  expect(new Set(init).size).toBe(init.length);
  expect(init).toEqual(expect.arrayContaining(['dev', 'dev/pts', 'dev/shm', 'etc/mtab', 'proc', 'sys']));
  const resolv = rows.find(({ name }) => name === 'etc/resolv.conf')!;
  expect(resolv).toMatchObject({ type: '2', link: '/run/resolvconf/resolv.conf' });
  expect(one('lib/apk/db/installed')).toMatchObject({
    data: 'P:one\n\n\nP:two\n\n\n',
    pax: { 'LINUXKIT.source': 'LINUXKIT.apkinit', 'LINUXKIT.location': 'init' },
  });
  expect(one('bin/tool').pax).toMatchObject({ 'LINUXKIT.source': 'docker.io/test/init:1' });
  const bill = rows.pop()!;
  expect(bill).toMatchObject({ name: 'sbom.spdx.json', pax: {}, mtime: 1492533000 });
  for (const row of rows) expect(row.pax, row.name).toHaveProperty(['LINUXKIT.location']);
});

test('containers: an image is there once, and found where it is', () => {
  const rows = read(join(dir, 'system.tar'));
  const json = (name: string) =>
    JSON.parse(rows.find((row) => row.name === `containers/${name}`)!.data) as {
      mounts: Record<string, unknown>[];
    };
  const names = rows.map(({ name }) => name).filter((name) => name.startsWith('containers/'));
  expect(names.filter((name) => name.endsWith('/app'))).toEqual([
    ...[
      'containers/volumes/data/lower/app',
      'containers/volumes/fixed/lower/app',
      'containers/onboot/000-one/lower/app',
    ],
  ]);
  expect(json('onboot/001-two/runtime.json').mounts).toEqual([
    {
      destination: '/containers/onboot/001-two/rootfs',
      source: '/containers/onboot/000-one/lower',
      options: ['bind'],
    },
  ]);
  expect(json('services/svc/runtime.json').mounts.at(-1)).toMatchObject({
    options: [
      'lowerdir=/containers/onboot/000-one/lower',
      'upperdir=/containers/services/svc/tmp/upper',
      'workdir=/containers/services/svc/tmp/work',
    ],
  });
  expect(json('services/ro/runtime.json').mounts[0]).toMatchObject({
    source: '/containers/onshutdown/000-last/rootfs',
  });
  expect(names).toContain('containers/services/ro/rootfs');
  const bind = json('onboot/000-one/config.json').mounts.find(({ destination }) => destination === '/data');
  expect(bind).toMatchObject({ source: '/containers/volumes/data/merged' });
  const under = (volume: string) => [
    ...new Set(
      names.flatMap((name) => new RegExp(`^containers/volumes/${volume}/([^/]+)`).exec(name)?.[1] ?? []),
    ),
  ];
  expect(under('data')).toEqual(['lower', 'tmp', 'merged']);
  expect(under('fixed')).toEqual(['lower', 'merged']);
  expect(under('empty')).toEqual(['lower', 'tmp', 'merged']);
});

test('files: each parent once, with what the file lets expect', () => {
  const rows = read(join(dir, 'system.tar')).filter(({ pax }) => pax['LINUXKIT.source'] === 'linuxkit.files');
  const seen = rows.map(({ name, mode, owner }) => `${name} ${mode} ${owner.join(':')}`);
  expect(seen).toEqual([
    ...['etc 0o750 103:0', 'etc/deep 0o750 103:0', 'etc/deep/file 0o640 103:0', 'etc/deep/other 0o600 0:0'],
    ...[
      'var 0o700 0:0',
      'var/dir 0o700 0:0',
      'etc/link 0o600 0:0',
      'etc/from 0o600 0:0',
      'etc/system.yml 0o600 0:0',
    ],
  ]);
  expect(rows.find(({ name }) => name === 'etc/from')?.data).toBe('from outside');
  expect(rows.at(-1)!.data).toContain('docker.io/test/init:1');
});

test('the same bytes from another store, standard input and standard output; and it composes itself again', async () => {
  const first = readFileSync(join(dir, 'system.tar'));
  await composed(['system.yml', '--output', 'again.tar'], { OSMITH_STORE: join(dir, 'store2') });
  expect(readFileSync(join(dir, 'again.tar')).equals(first)).toBe(true);
  const script = '"$0" compose --layout layout --arch amd64 --output - - < system.yml > piped.tar';
  const piped = spawnSync('sh', ['-c', script, join(REPO, 'osmith')], {
    cwd: dir,
    env: { ...process.env, OSMITH_STORE: store },
  });
  expect(piped.status).toBe(0);
  expect(readFileSync(join(dir, 'piped.tar')).equals(first)).toBe(true);
  const own = read(join(dir, 'system.tar')).find(({ name }) => name === 'etc/system.yml')!;
  writeFileSync(join(dir, 'system2.yml'), own.data);
  await composed(['system2.yml', '--output', 'third.tar']);
  expect(readFileSync(join(dir, 'third.tar')).equals(first)).toBe(true);
});

test('again: an output that is as it was left stays, another is written', async () => {
  const output = join(dir, 'same.tar');
  const make = async () => {
    await composed(['system.yml', '--output', 'same.tar']);
    return statSync(output, { bigint: true });
  };
  const first = await make();
  expect(await make()).toEqual(first);
  writeFileSync(output, 'x'.repeat(Number(first.size)));
  utimesSync(output, Number(first.atimeMs) / 1000, Number(first.mtimeMs) / 1000);
  expect((await make()).ino).not.toBe(first.ino);
  expect(readFileSync(output).equals(readFileSync(join(dir, 'system.tar')))).toBe(true);
});

test('kernel and initrd: microcode first, directories before what is in them', async () => {
  await composed(['system.yml', '--format', 'kernel+initrd,docker', '--output', 'out/sys']);
  const file = (name: string) => join(dir, 'out', name);
  expect(readFileSync(file('sys-kernel'), 'utf8')).toBe('KERNEL');
  expect(readFileSync(file('sys-cmdline'), 'utf8')).toBe('console=ttyS0');
  const initrd = readFileSync(file('sys-initrd.img'));
  expect(initrd.subarray(0, 8).toString('latin1')).toBe('UCODE\0\0\0');
  const script = 'tail -c +9 sys-initrd.img | gzip -dc | cpio -tv --quiet -n';
  const { stdout, status } = spawnSync('sh', ['-c', script], { cwd: join(dir, 'out'), encoding: 'utf8' });
  expect(status).toBe(0);
  const lines = stdout.trim().split('\n');
  const names = lines.map((line) => line.split(/\s+/).slice(8).join(' '));
  const made = new Set(['.']);
  for (const name of names.map((each) => each.replace(/ -> .*/, ''))) {
    expect(made, name).toContain(name.includes('/') ? name.slice(0, name.lastIndexOf('/')) : '.');
    made.add(name);
  }
  expect(names).not.toContain('boot');
  expect(lines.find((line) => / bin\/link$/.test(line))).toMatch(/^-rwsr-xr-x\s+1 3 +4 +2 /);
  expect(read(file('sys.docker')).at(-2)).toMatchObject({ name: 'Dockerfile', pax: {} });
});
