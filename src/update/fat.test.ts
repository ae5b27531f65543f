/** The order of writes on a real FAT file system: after every write a checker and another implementation read it. */
import { createHash } from 'node:crypto';
import { copyFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { formatEnvironment, formatSlotConfig, GRUBENV, slotConfig, slotFile } from '../disk/boot-slots.ts';
import type { BootDisk } from './boot-disk.ts';
import { grubBoot } from './grub-model.ts';
import { espSlotStore } from './esp-slots.ts';
import { install } from './install.ts';
import { build, noise, type Build } from './testing.ts';

let dir: string;
const env = { MTOOLS_SKIP_CHECK: '1', TZ: 'UTC' };
const old = build('1', 1000, noise('old', 400_000));
const next = build('2', 2000, noise('new', 400_000));

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'osmith-fat-'));
});

afterAll(async () => rm(dir, { recursive: true, force: true }));

/** A file system in a file, written by mtools. `after` is called when something has been written. */
function mtoolsDisk(image: string, after: () => Promise<void>): BootDisk {
  const local = join(dir, 'local');
  const get = async (path: string) => {
    await rm(local, { force: true });
    const { exitCode } = await execa('mcopy', ['-n', '-i', image, `::${path}`, local], {
      env,
      reject: false,
    });
    return exitCode === 0 ? readFile(local) : undefined;
  };
  const put = async (path: string, data: Buffer) => {
    await writeFile(local, data);
    await execa('mcopy', ['-o', '-i', image, local, `::${path}`], { env });
    await after();
  };
  return {
    read: async (path) => (await get(path))?.toString('latin1'),
    size: async (path) => (await get(path))?.length,
    list: async (directory) => {
      const { stdout } = await execa('mdir', ['-b', '-i', image, `::${directory}`], { env, reject: false });
      return stdout
        .split('\n')
        .filter(Boolean)
        .map((line) => line.split('/').at(-1)!);
    },
    makeDirectory: async (path) =>
      void (await execa('mmd', ['-D', 's', '-i', image, `::${path}`], { env, reject: false })),
    remove: async (path) => {
      await execa('mdel', ['-i', image, `::${path}`], { env, reject: false });
      await after();
    },
    write: async (path, data, offset) => {
      const before = (await get(path)) ?? Buffer.alloc(0);
      const whole = Buffer.alloc(Math.max(before.length, offset + data.length));
      before.copy(whole);
      whole.set(data, offset);
      await put(path, whole);
    },
    truncate: async (path, length) => put(path, (await get(path))!.subarray(0, length)),
    sync: async () => {},
    digest: async (path, length) => {
      const data = await get(path);
      if (data === undefined || data.length < length) return undefined;
      return createHash('sha256').update(data.subarray(0, length)).digest('hex');
    },
    free: async () => 100_000_000,
  };
}

async function makeImage(image: string): Promise<void> {
  await execa('mkfs.vfat', ['-F', '32', '-s', '1', '-C', image, String(36 * 1024)]);
  await execa('mmd', ['-i', image, '::osmith', '::osmith/a', '::osmith/b'], { env });
  const disk = mtoolsDisk(image, async () => {});
  for (const [name, data] of Object.entries(old.files)) await disk.write(slotFile('a', name), data, 0);
  await disk.write(slotConfig('a'), Buffer.from(formatSlotConfig('a', old.system)), 0);
  await disk.write(GRUBENV, Buffer.from(formatEnvironment({ slot: 'a' })), 0);
}

/** All files of the image, read by mtools. */
async function contents(image: string): Promise<Map<string, Buffer>> {
  const disk = mtoolsDisk(image, async () => {});
  const files = new Map<string, Buffer>();
  const paths = ['a', 'b'].flatMap((slot) =>
    ['vmlinuz', 'initrd', 'slot.cfg'].map((name) => `osmith/${slot}/${name}`),
  );
  for (const path of [GRUBENV, ...paths]) {
    const text = await disk.read(path);
    if (text !== undefined) files.set(path, Buffer.from(text, 'latin1'));
  }
  return files;
}

function isOf(boot: ReturnType<typeof grubBoot>['boot'], { files }: Build): boolean {
  return (
    boot?.vmlinuz === files.vmlinuz.toString('latin1') && boot.initrd === files.initrd.toString('latin1')
  );
}

test('after every write the file system is sound and boots the old or the new system', async () => {
  const image = join(dir, 'esp.img');
  await makeImage(image);
  let states = 0;
  const check = async () => {
    states += 1;
    const { exitCode, stdout } = await execa('fsck.fat', ['-n', image], { reject: false });
    expect(exitCode, stdout).toBe(0);
    const { boot } = grubBoot(await contents(image));
    expect(isOf(boot, old) || (isOf(boot, next) && boot!.trial)).toBe(true);
  };
  const disk = mtoolsDisk(image, check);
  await install(
    espSlotStore(disk, (file) => file),
    'a',
    next.system,
    async (part, store) => {
      const data = next.files[part.name as 'vmlinuz' | 'initrd'];
      for (let at = 0; at < data.length; at += 150_000)
        await store.write(data.subarray(at, at + 150_000), at);
    },
    1,
  );
  expect(states).toBeGreaterThan(6);
  expect(isOf(grubBoot(await contents(image)).boot, next)).toBe(true);
});

test('clusters that a cut of power left without a file are found by fsck.fat, and the rest stays', async () => {
  const image = join(dir, 'cut.img');
  await makeImage(image);
  const before = await contents(image);
  // A file whose directory entry never reached the disk: its clusters are taken and nobody has them.
  const other = join(dir, 'with.img');
  await copyFile(image, other);
  await writeFile(join(dir, 'local'), noise('lost', 100_000));
  await execa('mcopy', ['-i', other, join(dir, 'local'), '::osmith/b/initrd'], { env });
  const [old32, new32] = await Promise.all([readFile(image), readFile(other)]);
  const reserved = old32.readUInt16LE(14) * 512;
  const fats = old32.readUInt32LE(36) * 512 * 2;
  new32.copy(old32, reserved, reserved, reserved + fats);
  await writeFile(image, old32);
  const { exitCode } = await execa('fsck.fat', ['-a', image], { reject: false });
  expect(exitCode).toBe(1);
  expect((await execa('fsck.fat', ['-n', image], { reject: false })).exitCode).toBe(0);
  expect(await contents(image)).toEqual(before);
  expect((await stat(image)).size).toBe(36 * 1024 * 1024);
});
