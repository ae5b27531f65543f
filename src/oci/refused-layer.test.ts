/** Layers that nobody should write are refused, with the reason. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { scratch } from '../disk/testing.ts';
import { flattenImage } from './flatten.ts';
import type { LayerBlob } from './layer.ts';
import { openNamed } from './one-image.ts';
import { layerBlob, layerTar, type RawEntry } from './testing.ts';
import { digestOf } from './verify.ts';

/** How many entries there are. */
async function flattenAll(layers: LayerBlob[]): Promise<number> {
  let entries = 0;
  const sink = { entry: () => (entries += 1) > 0, data: () => {}, drain: () => undefined };
  await flattenImage({ name: 'test', layers }, sink);
  return entries;
}

const FILE: RawEntry = { name: 'a', content: 'x' };

test.each<[string, RawEntry[][], RegExp]>([
  ['an absolute path', [[{ name: '/etc/passwd' }]], /"\/etc\/passwd" is an absolute path/],
  ['a path upwards', [[{ name: 'a/../../b' }]], /leads upwards/],
  ['a path upwards in an extended header', [[{ name: 'a', records: { path: '../b' } }]], /leads upwards/],
  ['a whiteout of something above', [[{ name: '../.wh.b' }]], /leads upwards/],
  ['a whiteout of its parent', [[{ name: 'a/.wh...' }]], /hides no name/],
  ['a whiteout of nothing', [[{ name: 'a/.wh.' }]], /hides no name/],
  ['a hard link upwards', [[{ name: 'b', type: '1', link: '../../etc/shadow' }]], /which leads upwards/],
  ['a hard link to an absolute path', [[{ name: 'b', type: '1', link: '/etc/shadow' }]], /absolute path/],
  ['a hard link to nothing', [[{ name: 'b', type: '1', link: 'a' }]], /which no layer has/],
  [
    'a hard link to a directory',
    [
      [
        { name: 'a', type: '5' },
        { name: 'b', type: '1', link: 'a' },
      ],
    ],
    /no layer has/,
  ],
  [
    'a file below a symbolic link',
    [[{ name: 'a', type: '2', link: '/etc' }, { name: 'a/b' }]],
    /lies below a/,
  ],
  [
    'a symbolic link above a file',
    [[{ name: 'a/b' }, { name: 'a', type: '2', link: '/etc' }]],
    /other files lie below/,
  ],
  [
    'a file below the symbolic link of a lower layer',
    [[{ name: 'a', type: '2', link: '/etc' }], [{ name: 'a/b' }]],
    /a is a symbolic link, but other files lie below/,
  ],
  [
    'a file below a hard link',
    [[FILE, { name: 'b', type: '1', link: 'a' }, { name: 'b/c' }]],
    /lies below b/,
  ],
  ['a file twice', [[FILE, FILE]], /a is in it twice/],
  [
    'a directory that becomes a link',
    [
      [
        { name: 'a', type: '5' },
        { name: 'a', type: '2', link: '/' },
      ],
    ],
    /twice/,
  ],
  ['the device of overlays', [[{ name: 'dev/x', type: '3', device: [0, 0] }]], /hides files in an overlay/],
  ['a disk in a home', [[{ name: 'root/sda', type: '4', device: [8, 0] }]], /outside a directory dev/],
  [
    'an overlay’s attribute',
    [[{ name: 'a', records: { 'SCHILY.xattr.trusted.overlay.redirect': '/etc' } }]],
    /redirects an overlay/,
  ],
  ['a zero byte in a name', [[{ name: 'a', records: { path: 'a\0b' } }]], /zero byte/],
  ['an endless name', [[{ name: 'a', records: { path: 'n'.repeat(300) } }]], /longer than/],
  ['an endless path', [[{ name: 'a', records: { path: 'n/'.repeat(3000) } }]], /longer than/],
  ['a sparse file', [[{ name: 'a', records: { 'GNU.sparse.major': '1' } }]], /sparse/],
  ['a negative size', [[{ name: 'a', records: { size: '-5' } }]], /no valid size/],
  ['a size that is no number', [[{ name: 'a', records: { size: 'NaN' } }]], /no valid size/],
])('a layer is refused for %s', async (_what, layers, message) => {
  const dir = scratch();
  const blobs = layers.map((entries) => layerBlob(dir, layerTar(entries)));
  await expect(flattenAll(blobs)).rejects.toThrow(message);
});

const TAR = layerTar([{ name: 'a', content: 'x'.repeat(5000) }]);

test.each<[string, Buffer, RegExp]>([
  ['cut off in a content', TAR.subarray(0, 2000), /cut off/],
  ['cut off in a header', TAR.subarray(0, 300), /cut off/],
  ['no tar', Buffer.from('<html>'.repeat(200)), /wrong checksum/],
  ['a tar of nothing', Buffer.alloc(0), /^$/],
])('a layer that is %s', async (_what, tar, message) => {
  const read = flattenAll([layerBlob(scratch(), tar)]);
  if (message.source === '^$') expect(await read).toBe(0);
  else
    await expect(read).rejects.toMatchObject({
      code: 'E_IMAGE',
      message: expect.stringMatching(message) as string,
    });
});

test('a compressed layer that is cut off', async () => {
  const dir = scratch();
  const blob = layerBlob(dir, layerTar([{ name: 'a', content: Buffer.alloc(1 << 20, 'abc') }]));
  const file = join(dir, 'short');
  writeFileSync(file, readFileSync(blob.file).subarray(0, blob.size - 20));
  await expect(flattenAll([{ ...blob, file }])).rejects.toThrow(/cannot be read/);
});

test('a full disk is not the layer’s fault', async () => {
  const layers = [layerBlob(scratch(), layerTar([{ name: 'a', content: 'a' }]))];
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  const sink = { entry: () => true, data: () => {}, drain: () => Promise.reject(full) };
  await expect(flattenImage({ name: 'x', layers }, sink)).rejects.toMatchObject({ code: 'E_NO_SPACE' });
});

test('a bomb is refused before it fills a disk', { timeout: 120_000 }, async () => {
  const size = 1200 << 20;
  const header = layerTar([{ name: 'zeros', records: { size: String(size) } }]).subarray(0, -1024);
  // Parts that are compressed one by one are one stream all the same.
  const zeros = gzipSync(Buffer.alloc(16 << 20));
  const data = Buffer.concat([gzipSync(header), ...Array.from({ length: size >> 24 }, () => zeros)]);
  const file = join(scratch(), 'bomb');
  writeFileSync(file, data);
  const blob = { digest: digestOf(data), size: data.length, mediaType: '', file };
  let seen = 0;
  const sink = {
    entry: () => true,
    data: (piece: Buffer) => void (seen += piece.length),
    drain: () => undefined,
  };
  await expect(flattenImage({ name: 'bomb', layers: [blob] }, sink)).rejects.toThrow(/unpack to more than/);
  expect(seen).toBeLessThan((1 << 30) + (1 << 20));
});

test('a tar that holds no layout is refused by its own name', async () => {
  const file = join(scratch(), 'tree.tar');
  writeFileSync(file, layerTar([FILE]));
  const read = openNamed(file, 'amd64', () => Promise.resolve(scratch()));
  await expect(read).rejects.toThrow(`${file} has no OCI image layout in it`);
});
