/** What every kind of target must do: the suite that each kind's test calls. */
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { Lock } from '../../run/lock.ts';
import { digestOf, readSmall, type Reader } from '../reader.ts';
import type { Content, Publisher } from './types.ts';

export interface Conformance {
  /** A publisher for the build `demo` in an empty target; called in each test. */
  open: () => Promise<Publisher>;
  /** The same target for another process or build. */
  again: (name?: string) => Promise<Publisher>;
  /** A directory of this machine for files to publish. */
  work: () => string;
  /** What a client sees of a file: not through the publisher. */
  seen: (path: string) => Promise<Buffer | undefined>;
  /** The same target for those who only look. */
  reader: () => Reader;
  /** Puts a file there that is not ours. */
  foreign: (path: string, content: string) => Promise<void>;
}

const sha256 = (data: Buffer | string) => createHash('sha256').update(data).digest('hex');

export function publisherConformance(kind: string, conformance: Conformance): void {
  const { open, again, work, seen, reader, foreign } = conformance;
  const file = async (text: string, changed: Partial<Exclude<Content, Buffer>> = {}): Promise<Content> => {
    const path = join(work(), sha256(text).slice(0, 8));
    await writeFile(path, text);
    return { file: path, size: Buffer.byteLength(text), sha256: sha256(text), ...changed };
  };

  const held: Lock[] = [];
  afterEach(async () => {
    for (const lock of held.splice(0)) await lock.release();
  });
  const openLocked = async (): Promise<Publisher> => {
    const target = await open();
    held.push((await target.lock())!);
    return target;
  };

  describe(`a target of the kind ${kind}`, () => {
    test('holds what was put, under its path, and lists it', async () => {
      const target = await openLocked();
      await target.put('demo/a/one', await file('1'));
      await target.put('demo/a/two', Buffer.from('22'));
      await target.commit('demo.jwt', Buffer.from('token'));
      expect(await target.list('demo')).toEqual([
        { path: 'demo/a/one', size: 1 },
        { path: 'demo/a/two', size: 2 },
      ]);
      expect(await target.list('demo/a')).toHaveLength(2);
      expect((await target.read('demo/a/one', 10))?.toString()).toBe('1');
      expect((await seen('demo/a/two'))?.toString()).toBe('22');
      expect((await seen('demo.jwt'))?.toString()).toBe('token');
    });

    test('says what is not there, and what is too large to be read', async () => {
      const target = await open(); // also before anything was ever published
      expect(await target.read('demo.jwt', 10)).toBeUndefined();
      expect(await target.list('demo')).toEqual([]);
      await target.remove(['demo/a/one']);
      await foreign('demo.jwt', 'x'.repeat(100));
      await expect(target.read('demo.jwt', 10)).rejects.toMatchObject({ code: 'E_TARGET' });
    });

    test('shows the same to those who only look, in parts, whether all of it is wanted or not', async () => {
      const target = await openLocked();
      const large = Buffer.alloc(20_000_000, 'some text ');
      await target.put('demo/a b/large', large);
      await target.put('demo/empty', Buffer.alloc(0));
      await target.commit('demo.jwt', Buffer.from('token'));
      const look = reader();
      expect((await look.list('.'))?.filter((name) => !name.startsWith('.'))).toEqual(['demo', 'demo.jwt']);
      expect((await look.list('demo'))?.filter((name) => !name.startsWith('.'))).toEqual(['a b', 'empty']);
      expect(await look.list('nowhere')).toEqual([]);
      expect(await readSmall(look, 'demo.jwt', 3)).toEqual(Buffer.from('tok'));
      expect(await readSmall(look, 'demo/empty', 3)).toEqual(Buffer.alloc(0));
      for (const none of ['demo/a b', 'nowhere', 'demo/a b/large/x'])
        expect(await look.open(none), none).toBeUndefined();
      const digest = await digestOf((await look.open('demo/a b/large'))!, large.length);
      expect(digest).toEqual({ size: large.length, sha256: sha256(large) });
      const part = await digestOf((await look.open('demo/a b/large'))!, 1000);
      expect(part.size).toBeGreaterThan(1000);
    });

    test('refuses a file that is not what it must be, and shows nothing of it', async () => {
      const target = await openLocked();
      await target.put('demo/a/one', await file('good'));
      for (const wrong of [
        { sha256: sha256('other') },
        { size: 3 },
        { size: 5 },
        { sha256: sha256('other'), size: 4 },
      ]) {
        const content = await file('evil', wrong);
        await expect(target.put('demo/a/new', content)).rejects.toMatchObject({ code: 'E_SIGNATURE' });
        await expect(target.put('demo/a/one', content)).rejects.toMatchObject({ code: 'E_SIGNATURE' });
      }
      expect(await target.list('demo')).toEqual([{ path: 'demo/a/one', size: 4 }]);
      expect((await seen('demo/a/one'))?.toString()).toBe('good');
      expect(await seen('demo/a/new')).toBeUndefined();
    });

    test('puts right what is damaged, and takes what is there without reading the source to its end', async () => {
      const target = await openLocked();
      const content = await file('good');
      await foreign('demo/a/one', 'evil');
      await target.put('demo/a/one', content);
      expect((await seen('demo/a/one'))?.toString()).toBe('good');
      // Were it sent again, this would be noticed.
      if (!Buffer.isBuffer(content)) await writeFile(content.file, 'gone');
      await target.put('demo/a/one', content);
      expect((await seen('demo/a/one'))?.toString()).toBe('good');
    });

    test('replaces a token at once: a client sees the old one or the new one, never less', async () => {
      const target = await openLocked();
      const tokens = ['a', 'b'].map((letter) => Buffer.from(letter.repeat(200_000)));
      await target.commit('demo.jwt', tokens[0]!);
      let done = false;
      const client = (async () => {
        let looks = 0;
        for (; !done; looks += 1) {
          const found = await seen('demo.jwt');
          expect(tokens.some((token) => found?.equals(token))).toBe(true);
        }
        return looks;
      })();
      client.catch(() => {}); // it is looked at below
      for (let round = 1; round <= 16; round += 1) await target.commit('demo.jwt', tokens[round % 2]!);
      done = true;
      expect(await client).toBeGreaterThan(0);
    });

    test('removes what it is told, and nothing else', async () => {
      const target = await openLocked();
      await target.put('demo/a/one', Buffer.from('1'));
      await target.put('demo/b/two', Buffer.from('2'));
      await foreign('demo/a/theirs', 'x');
      await foreign('index.html', 'x');
      await target.remove(['demo/a/one', 'demo/b/two']);
      expect(await target.list('demo')).toEqual([{ path: 'demo/a/theirs', size: 1 }]);
      expect((await seen('index.html'))?.toString()).toBe('x');
    });

    test('one release of a name at a time; another name does not wait', async () => {
      const first = await open();
      const lock = await first.lock();
      expect(lock).toBeDefined();
      const second = await again();
      expect(await second.lock()).toBeUndefined();
      const other = await (await again('other')).lock();
      expect(other).toBeDefined();
      await lock!.release();
      const taken = await second.lock();
      expect(taken).toBeDefined();
      await taken!.release();
      await other!.release();
    });
  });
}
