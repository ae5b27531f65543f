import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { GRUBENV, slotFile } from '../disk/boot-slots.ts';
import { generateKey } from '../pattern/index.ts';
import type { BootFiles } from './esp.ts';
import { verificationTime } from './release.ts';
import { environment, isInSlot, next, old, size, update, useBench } from './test-bench.ts';
import {
  build,
  freshBoot,
  NAME,
  noise,
  publish,
  putBuild,
  signer,
  snapshot,
  tokenOf,
  type Build,
} from './testing.ts';

const bench = useBench();

describe('installing', () => {
  test('another release goes to the other slot and on trial, and most of it comes from the running slot', async () => {
    await publish(bench.server, next, signer, bench.work);
    const { decision, reboot, traffic } = await update(bench);
    expect(decision).toEqual({ action: 'install', slot: 'b' });
    expect(reboot).toBe(true);
    expect(await isInSlot(bench, 'b', next)).toBe(true);
    expect(await isInSlot(bench, 'a', old)).toBe(true);
    expect(await environment(bench)).toEqual({ slot: 'a', trial: { slot: 'b', left: 2 }, unproven: 'b' });
    expect(traffic.local).toBeGreaterThan(size * 0.75);
    expect(traffic.remote).toBeLessThan(size * 0.25);
    expect(await update(bench)).toMatchObject({ decision: { action: 'nothing' } });
  });

  test('without a chunk index, or with one that lies, all of it is downloaded', async () => {
    for (const index of [undefined, Buffer.from('garbage'), 'wrong' as const]) {
      await publish(bench.server, next, signer, bench.work);
      const lie = Buffer.from(bench.server.files.get(`${NAME}.initrd.chunks`)!);
      // Two records exchanged: sizes add up, the contents do not come out.
      const [first, second] = [lie.subarray(16, 52), lie.subarray(52, 88)].map((part) => Buffer.from(part));
      second!.copy(lie, 16);
      first!.copy(lie, 52);
      const content = index === 'wrong' ? lie : index;
      if (content === undefined) bench.server.files.delete(`${NAME}.initrd.chunks`);
      else bench.server.files.set(`${NAME}.initrd.chunks`, content);
      await rm(join(bench.root, 'osmith'), { recursive: true });
      await freshBoot(bench.root, old);
      await update(bench);
      expect(await isInSlot(bench, 'b', next)).toBe(true);
    }
  });

  test('a server without ranges: the delta is given up', async () => {
    await publish(bench.server, next, signer, bench.work);
    bench.server.misbehave.set('.initrd', (request, response, content) => {
      response.writeHead(200, { 'content-length': content.length });
      response.end(request.method === 'HEAD' ? undefined : content);
    });
    await update(bench);
    expect(await isInSlot(bench, 'b', next)).toBe(true);
    expect(
      bench.server.log.filter((line) => line.startsWith(`GET ${NAME}.initrd bytes`)).length,
    ).toBeLessThan(4);
  });

  test('a kernel that has not changed is not downloaded', async () => {
    const same: Build = { ...next, files: { ...next.files, vmlinuz: old.files.vmlinuz } };
    const [kernel] = old.system.parts;
    const parts = [kernel!, next.system.parts[1]!];
    const artifacts = parts.map((part) => ({ ...part, name: `${NAME}.${part.name}` }));
    same.manifest = { ...next.manifest, artifacts };
    await publish(bench.server, same, signer, bench.work);
    await update(bench);
    expect(await isInSlot(bench, 'b', same)).toBe(true);
    expect(bench.server.log.filter((line) => line.startsWith('GET') && line.includes('vmlinuz'))).toEqual([]);
  });

  test('switching to another variant', async () => {
    const other = build('2', 2000, noise('ubuntu', 500_000), 'osmith_ubu_amd64');
    await publish(bench.server, other, signer, bench.work);
    const { decision } = await update(bench, { name: 'osmith_ubu_amd64' });
    expect(decision.action).toBe('install');
    expect(await isInSlot(bench, 'b', other)).toBe(true);
  });
});

describe('the same release', () => {
  test('does nothing', async () => {
    await publish(bench.server, old, signer, bench.work);
    const before = await snapshot(bench.root);
    expect(await update(bench)).toMatchObject({ decision: { action: 'nothing' }, reboot: false });
    expect(await snapshot(bench.root)).toEqual(before);
    expect(bench.server.log).toEqual([`GET ${NAME}.jwt`]);
  });

  test.each([['vmlinuz'], ['initrd'], ['vmlinuz', 'initrd'], ['vmlinuz', 'initrd', 'slot.cfg']])(
    'restores %s %s %s that somebody deleted while the system ran',
    async (...names) => {
      await publish(bench.server, old, signer, bench.work);
      for (const name of names) await rm(join(bench.root, slotFile('a', name)));
      expect(await update(bench)).toMatchObject({ decision: { action: 'repair', slot: 'a' }, reboot: false });
      expect(await isInSlot(bench, 'a', old)).toBe(true);
      expect(await environment(bench)).toEqual({ slot: 'a' });
      expect(await update(bench)).toMatchObject({ decision: { action: 'nothing' } });
    },
  );

  test('restores a file that is damaged, taking what is right from the other slot', async () => {
    await publish(bench.server, old, signer, bench.work);
    await putBuild(bench.root, 'b', next);
    const damaged = Buffer.from(old.files.initrd);
    damaged[1_000_000]! ^= 1;
    await writeFile(join(bench.root, slotFile('a', 'initrd')), damaged);
    expect(await update(bench)).toMatchObject({ decision: { action: 'repair' } });
    expect(await isInSlot(bench, 'a', old)).toBe(true);
  });

  test('withdraws an update that waits for its trial', async () => {
    await publish(bench.server, next, signer, bench.work);
    await update(bench);
    await publish(bench.server, old, signer, bench.work);
    expect(await update(bench)).toMatchObject({ decision: { action: 'withdraw' } });
    expect(await environment(bench)).toEqual({ slot: 'a' });
  });
});

test('a token that is not good costs a machine no reading of large files', async () => {
  const read: string[] = [];
  const boot: BootFiles = {
    ...bench.boot,
    readOnly: async (use) =>
      bench.boot.readOnly(async (disk) =>
        use({
          ...disk,
          digest: async (path, length) => {
            read.push(path);
            return disk.digest(path, length);
          },
        }),
      ),
  };
  await publish(bench.server, next, generateKey('ed25519', 'release'), bench.work);
  await expect(update(bench, { boot })).rejects.toThrow(/signature/);
  expect(read).toEqual([]);
  await publish(bench.server, next, signer, bench.work);
  await update(bench, { boot });
  expect(read).toContain(slotFile('a', 'initrd'));
});

describe('refused, with nothing changed on the disk', () => {
  const other = generateKey('ed25519', 'release');
  const past = Math.floor(Date.now() / 1000) - 10;
  const cases: [name: string, put: () => Promise<void>, message: RegExp][] = [
    ['a tampered token', async () => tamper(), /signature/],
    ['a truncated token', async () => put((token) => token.slice(0, -20)), /./],
    ['garbage in place of a token', async () => put(() => '<html>busy</html>'), /not a token/],
    [
      'an expired token',
      async () => publish(bench.server, next, signer, bench.work, { exp: past }),
      /expired/,
    ],
    ['a token of another key', async () => publish(bench.server, next, other, bench.work), /signature/],
    [
      'a token that is not valid yet',
      async () => publish(bench.server, next, signer, bench.work, { nbf: past + 9000 }),
      /before/,
    ],
    [
      'a token without a manifest',
      async () => publish(bench.server, { ...next, manifest: {} }, signer, bench.work),
      /manifest/,
    ],
    ['a token of another variant', async () => rename(), /it is of osmith_fed/],
    ['a file that is cut off on the server', async () => cutOff(), /has \d+ bytes/],
    ['a file that is missing on the server', async () => remove('initrd'), /404/],
  ];

  async function put(change: (token: string) => string): Promise<void> {
    await publish(bench.server, next, signer, bench.work);
    bench.server.files.set(`${NAME}.jwt`, Buffer.from(change(await tokenOf(next, signer))));
  }
  async function tamper(): Promise<void> {
    await put((token) => {
      const [head, claims, signature] = token.split('.');
      const text = Buffer.from(claims!, 'base64url').toString().replace('quiet', 'Quiet');
      return [head, Buffer.from(text).toString('base64url'), signature].join('.');
    });
  }
  async function rename(): Promise<void> {
    await publish(bench.server, next, signer, bench.work);
    const fed = build('2', 2000, next.files.initrd, 'osmith_fed_amd64');
    bench.server.files.set(`${NAME}.jwt`, Buffer.from(await tokenOf(fed, signer)));
  }
  async function cutOff(): Promise<void> {
    await publish(bench.server, next, signer, bench.work);
    bench.server.files.set(`${NAME}.initrd`, next.files.initrd.subarray(0, 1_000_000));
  }
  async function remove(part: string): Promise<void> {
    await publish(bench.server, next, signer, bench.work);
    bench.server.files.delete(`${NAME}.${part}`);
  }

  test.each(cases)('%s', async (_name, prepare, message) => {
    await prepare();
    await putBuild(bench.root, 'b', build('0', 500, noise('0', 1000)));
    const before = await snapshot(bench.root);
    await expect(update(bench)).rejects.toThrow(message);
    expect(await snapshot(bench.root)).toEqual(before);
  });

  test('an older release, unless it was asked for', async () => {
    await putBuild(bench.root, 'a', next);
    await publish(bench.server, old, signer, bench.work);
    const before = await snapshot(bench.root);
    expect(await update(bench, { running: next })).toMatchObject({
      decision: { action: 'refuse' },
      reboot: false,
    });
    expect(await snapshot(bench.root)).toEqual(before);
    expect(await update(bench, { running: next, allowOlder: true })).toMatchObject({
      decision: { action: 'install' },
    });
    expect(await isInSlot(bench, 'b', old)).toBe(true);
  });

  test('what was tried and did not come up, unless it was asked for', async () => {
    await publish(bench.server, next, signer, bench.work);
    await update(bench);
    // GRUB has used up the trial.
    const env = (await readFile(join(bench.root, GRUBENV), 'utf8')).replace('osmith_try=b', 'osmith_try=');
    await writeFile(join(bench.root, GRUBENV), env);
    expect(await update(bench)).toMatchObject({ decision: { action: 'refuse' } });
    expect(await update(bench, { retryFailed: true })).toMatchObject({
      decision: { action: 'activate' },
      reboot: true,
    });
    expect((await environment(bench)).trial).toEqual({ slot: 'b', left: 2 });
  });

  test('check only', async () => {
    await publish(bench.server, next, signer, bench.work);
    const before = await snapshot(bench.root);
    expect(await update(bench, { checkOnly: true })).toMatchObject({
      decision: { action: 'install' },
      reboot: false,
    });
    expect(await snapshot(bench.root)).toEqual(before);
  });
});

test('clocks: one that cannot be right gives way to the token, one that can is believed', () => {
  const [epoch, year] = [1_800_000_000, 31_536_000];
  expect(verificationTime(0, epoch, {})).toBe(epoch * 1000);
  expect(verificationTime(0, epoch, { nbf: epoch + year })).toBe((epoch + year) * 1000);
  expect(verificationTime((epoch + 5) * 1000, epoch, { nbf: epoch + 60 })).toBe((epoch + 60) * 1000);
  expect(verificationTime((epoch + 5) * 1000, epoch, { nbf: epoch + year })).toBe((epoch + 5) * 1000);
  expect(verificationTime((epoch + year) * 1000, epoch, { nbf: epoch })).toBe((epoch + year) * 1000);
});
