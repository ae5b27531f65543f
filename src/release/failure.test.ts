import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { publishFailure } from './failure.ts';
import { openPublisher } from './publish/index.ts';

test('the last logs stay, and one at a time is published', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'osmith-failure-'));
  try {
    const publish = async (n: number) =>
      publishFailure({
        target: join(dir, 'www'),
        name: 'demo',
        log: Buffer.from(`log ${n}`),
        time: n * 1000,
      });
    for (let n = 1; n <= 12; n += 1) await publish(n);
    const last = await publish(13);
    expect(await readFile(last, 'utf8')).toBe('log 13');
    const logs = (await readdir(join(dir, 'www/failed/demo'))).filter((name) => !name.startsWith('.'));
    expect(logs.sort().map((name) => name.slice(17, 19))).toEqual([
      '04',
      '05',
      '06',
      '07',
      '08',
      '09',
      '10',
      '11',
      '12',
      '13',
    ]);
    const lock = await openPublisher({ target: join(dir, 'www'), name: 'failed/demo' }).lock();
    await expect(publish(14)).rejects.toMatchObject({ code: 'E_LOCK' });
    await lock!.release();
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});
