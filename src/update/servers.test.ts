import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { GRUBENV, slotFile } from '../disk/boot-slots.ts';
import type { BootFiles } from './esp.ts';
import { environment, isInSlot, next, old, update, useBench } from './test-bench.ts';
import { NAME, noise, publish, signer, snapshot } from './testing.ts';

const bench = useBench();

describe('servers that misbehave while files are downloaded', () => {
  beforeEach(async () => publish(bench.server, next, signer, bench.work));

  /** Ends, or stops sending, after so many bytes of each answer. */
  function half(bytes: number, then: 'end' | 'stall') {
    bench.server.misbehave.set('.initrd', (request, response, content) => {
      const [, from = '0', to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
      const wanted = content.subarray(Number(from), to === undefined ? undefined : Number(to) + 1);
      response.writeHead(request.headers.range === undefined ? 200 : 206, {
        'content-length': request.method === 'HEAD' ? content.length : wanted.length,
        'content-range': `bytes ${from}-${to}/${content.length}`,
      });
      if (request.method === 'HEAD') return void response.end();
      if (wanted.length <= bytes) return void response.end(wanted);
      response.write(wanted.subarray(0, bytes));
      if (then === 'end') setTimeout(() => response.destroy(), 20);
    });
  }

  test('connections that break again and again are taken up where they ended', async () => {
    bench.server.files.delete(`${NAME}.initrd.chunks`);
    half(400_000, 'end');
    const { traffic } = await update(bench);
    expect(await isInSlot(bench, 'b', next)).toBe(true);
    expect(traffic.remote).toBeLessThanOrEqual(next.files.initrd.length + next.files.vmlinuz.length);
  });

  test('a server that stalls is given up, and the next update goes on from there', async () => {
    bench.server.files.delete(`${NAME}.initrd.chunks`);
    half(0, 'stall');
    bench.server.misbehave.get('.initrd');
    await expect(update(bench, { stall: 200 })).rejects.toThrow(/nothing received/);
    expect(await isInSlot(bench, 'a', old)).toBe(true);
    expect(await environment(bench)).toEqual({ slot: 'a' });
    half(1_200_000, 'stall');
    await expect(update(bench, { stall: 300 })).resolves.toBeDefined();
    expect(await isInSlot(bench, 'b', next)).toBe(true);
  });

  test('what arrived stays for the next update', async () => {
    bench.server.files.delete(`${NAME}.initrd.chunks`);
    let answers = 0;
    bench.server.misbehave.set('.initrd', (request, response, content) => {
      response.writeHead(200, { 'content-length': content.length });
      if (request.method === 'HEAD') return void response.end();
      answers += 1;
      response.write(content.subarray(0, answers === 1 ? 2_000_000 : 0));
      setTimeout(() => response.destroy(), 20);
    });
    await expect(update(bench)).rejects.toThrow(/Cannot download/);
    expect((await stat(join(bench.root, slotFile('b', 'initrd')))).size).toBe(2_000_000);
    bench.server.misbehave.clear();
    bench.server.sent = 0;
    await update(bench);
    expect(await isInSlot(bench, 'b', next)).toBe(true);
    expect(bench.server.sent).toBeLessThan(next.files.initrd.length - 1_900_000 + 200_000);
  });

  test('garbage of the right size is never installed', async () => {
    bench.server.misbehave.set('.initrd', (request, response, content) => {
      response.writeHead(200, { 'content-length': content.length });
      response.end(request.method === 'HEAD' ? undefined : noise('garbage', content.length));
    });
    await expect(update(bench)).rejects.toThrow(/not the file that the release names/);
    expect(await isInSlot(bench, 'a', old)).toBe(true);
    expect(await environment(bench)).toEqual({ slot: 'a' });
    // The kernel was good: it need not come again.
    expect([...(await snapshot(bench.root, ['b'])).keys()]).toEqual([
      GRUBENV,
      'osmith/b/vmlinuz',
      'osmith/b/part',
    ]);
  });

  test('no room: told with what was there left alone', async () => {
    const before = await snapshot(bench.root);
    const small: BootFiles = {
      ...bench.boot,
      readOnly: async (use) =>
        bench.boot.readOnly(async (disk) => use({ ...disk, free: async () => 100_000 })),
    };
    await expect(update(bench, { boot: small })).rejects.toMatchObject({ code: 'E_NO_SPACE' });
    expect(await snapshot(bench.root)).toEqual(before);
  });
});
