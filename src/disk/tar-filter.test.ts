import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeHeader, FILE, HARD_LINK, padded, type Entry } from '../run/layer/entry.ts';
import { withoutPaths } from './tar-filter.ts';
import { readTar } from './tar-reader.ts';
import { collect, describeWith, run } from './testing.ts';

function entry(path: string, content: Buffer, extra: Partial<Entry> = {}): Entry {
  const plain = { mode: 0o644, uid: 0, gid: 0, mtime: 1_700_000_000, link: '', major: 0, minor: 0 };
  return { path, type: FILE, size: content.length, ...plain, xattrs: new Map<string, Buffer>(), ...extra };
}

function tar(files: readonly { entry: Entry; content: Buffer }[]): Buffer {
  const parts = files.flatMap(({ entry: head, content }) => {
    return [encodeHeader(head), content, Buffer.alloc(padded(content.length) - content.length)];
  });
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

/** The bytes in pieces of the given sizes, over and over. */
function pieces(data: Buffer, sizes: readonly number[]): Readable {
  const cut: Buffer[] = [];
  for (let at = 0, i = 0; at < data.length; i++)
    cut.push(data.subarray(at, (at += sizes[i % sizes.length]!)));
  return Readable.from(cut, { objectMode: false });
}

const content = fc.uint8Array({ maxLength: 2000 }).map((bytes) => Buffer.from(bytes));
/** Some names are too long for the header, some attributes are not text. */
const path = fc.stringMatching(/^[a-z]{1,9}(\/[a-z]{1,60}){0,4}$/);
const files = fc
  .uniqueArray(fc.record({ path, content, value: fc.option(content, { nil: undefined }) }), {
    maxLength: 10,
    selector: (file) => file.path,
  })
  .map((all) =>
    all.map(({ path: name, content: bytes, value }) => {
      const xattrs = new Map(value === undefined ? [] : [['security.capability', value]]);
      return { entry: entry(name, bytes, { xattrs }), content: bytes };
    }),
  );
const cuts = fc.array(fc.integer({ min: 1, max: 1500 }), { minLength: 1, maxLength: 5 });

describe('readTar and withoutPaths', () => {
  it('give back what was written, however the stream is cut, whether bodies are read or not', async () => {
    await fc.assert(
      fc.asyncProperty(files, cuts, fc.boolean(), async (all, sizes, skip) => {
        const seen: [Entry, Buffer][] = [];
        for await (const { entry: head, body } of readTar(pieces(tar(all), sizes))) {
          seen.push([head, skip ? Buffer.alloc(0) : await collect(body())]);
        }
        expect(seen.map(([head]) => head)).toEqual(all.map((file) => file.entry));
        if (!skip) seen.forEach(([, bytes], i) => expect(bytes.equals(all[i]!.content)).toBe(true));
      }),
    );
  });

  it('leave entries out and every other byte as it was', async () => {
    await fc.assert(
      fc.asyncProperty(files, cuts, async (all, sizes) => {
        const leaveOut = (name: string) => name.length % 2 === 1;
        const filtered = await collect(withoutPaths(pieces(tar(all), sizes), leaveOut));
        expect(filtered.equals(tar(all.filter((file) => !leaveOut(file.entry.path))))).toBe(true);
      }),
    );
  });

  it('refuse to leave out the content of a hard link that stays', async () => {
    const data = Buffer.from('x');
    const link = {
      entry: entry('b', Buffer.alloc(0), { type: HARD_LINK, link: 'a' }),
      content: Buffer.alloc(0),
    };
    const stream = pieces(tar([{ entry: entry('a', data), content: data }, link]), [512]);
    await expect(collect(withoutPaths(stream, (name) => name === 'a'))).rejects.toThrow(
      /b is a hard link to a/,
    );
  });

  it('notice a stream that ends too early', async () => {
    const data = Buffer.alloc(2000, 1);
    const cut = tar([{ entry: entry('a', data), content: data }]).subarray(0, 1500);
    await expect(collect(withoutPaths(pieces(cut, [700]), () => false))).rejects.toThrow(/ends inside a/);
  });
});

describeWith(['tar'], 'a filtered archive', () => {
  it('is one for GNU tar', async () => {
    const data = Buffer.from('hello');
    const all = ['one', `two/${'x'.repeat(150)}`, 'three'].map((p) => ({
      entry: entry(p, data),
      content: data,
    }));
    const filtered = await collect(withoutPaths(pieces(tar(all), [999]), (name) => name === 'one'));
    expect(run(['tar', '-t'], { input: filtered }).stdout).toBe(`two/${'x'.repeat(150)}\nthree\n`);
  });
});
