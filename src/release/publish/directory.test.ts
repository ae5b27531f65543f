import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { publisherConformance } from './conformance.ts';
import { openPublisher, openReader } from './index.ts';

let dir: string;
let root: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'osmith-publish-'));
  root = join(dir, 'www');
});
afterEach(async () => rm(dir, { recursive: true, force: true }));

const open = (name = 'demo', target = root) => openPublisher({ target, name });

publisherConformance('directory', {
  open: async () => open(),
  again: async (name) => open(name),
  work: () => dir,
  seen: async (path) => readFile(join(root, path)).catch(() => undefined),
  reader: () => openReader({ target: root }),
  foreign: async (path, content) => {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  },
});

test('a web server can read what is there, whatever the umask says', async () => {
  const umask = process.umask(0o077);
  try {
    const target = open();
    const lock = await target.lock();
    await target.put('demo/a/one', Buffer.from('1'));
    await target.commit('demo.jwt', Buffer.from('token'));
    await lock!.release();
  } finally {
    process.umask(umask);
  }
  for (const [path, mode] of [
    ['', 0o755],
    ['demo', 0o755],
    ['demo/a', 0o755],
    ['demo/a/one', 0o644],
    ['demo.jwt', 0o644],
  ] as const)
    expect((await stat(join(root, path))).mode & 0o777, path).toBe(mode);
});

test('what a killed release was writing is cleared away by the next one', async () => {
  await mkdir(join(root, 'demo/.unfinished'), { recursive: true });
  await writeFile(join(root, 'demo/.unfinished/half'), 'x');
  const target = open();
  expect(await target.list('demo')).toEqual([]);
  const lock = await target.lock();
  expect(await readdir(join(root, 'demo'))).toEqual(['.lock']);
  await lock!.release();
});

test('holes of disk images stay holes', async () => {
  const image = Buffer.concat([Buffer.from('start'), Buffer.alloc(8_000_000), Buffer.from('end')]);
  const target = open();
  const lock = await target.lock();
  for (const data of [image, Buffer.alloc(3_000_000)]) {
    await writeFile(join(dir, 'image'), data);
    const sha256 = createHash('sha256').update(data).digest('hex');
    await target.put('demo/a/raw', { file: join(dir, 'image'), size: data.length, sha256 });
    expect((await readFile(join(root, 'demo/a/raw'))).equals(data)).toBe(true);
    expect((await stat(join(root, 'demo/a/raw'))).blocks * 512).toBeLessThan(2_000_000);
  }
  await lock!.release();
});

test('a target that cannot be one is refused', async () => {
  const wrong = async (target: string) =>
    expect(open('demo', target).lock()).rejects.toMatchObject({ code: 'E_TARGET' });
  await writeFile(join(dir, 'file'), '');
  await wrong(join(dir, 'file'));
  await wrong(join(dir, 'file/below'));
  await wrong(join(dir, 'no/such/parent'));
  await wrong('/proc/www');
  await symlink(join(dir, 'nowhere'), join(dir, 'dangling'));
  await wrong(join(dir, 'dangling'));
  expect(() => open('demo', 'ftp://host/path')).toThrow(/cannot be published to ftp/);
});

test('something else in the place of a file or a directory', async () => {
  await mkdir(join(root, 'demo/a/one'), { recursive: true });
  await mkdir(join(root, 'demo.jwt'));
  await writeFile(join(root, 'demo/b'), '');
  const target = open();
  for (const path of ['demo/a/one', 'demo/b/two', 'demo.jwt'])
    await expect(target.put(path, Buffer.from('1')), path).rejects.toMatchObject({ code: 'E_TARGET' });
  expect(await readdir(join(root, 'demo/.unfinished'))).toEqual([]);
});

test.runIf(process.getuid?.() !== 0)('a directory that may not be written to (not for root)', async () => {
  await mkdir(root, { mode: 0o555 });
  await expect(open().lock()).rejects.toMatchObject({ code: 'E_TARGET' });
  await chmod(root, 0o755);
});
