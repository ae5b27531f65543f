/** Layers merged in one pass from the top must give what applying them from the bottom gives. */
import { lstatSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, it, test } from 'vitest';
import { describeWith, run, scratch } from '../disk/testing.ts';
import { flattenImage } from './flatten.ts';
import type { LayerBlob } from './layer.ts';
import type { LayerEntry } from './tar-parser.ts';
import { layerBlob, layerTar, writeLayout, type RawEntry } from './testing.ts';
import { digestOf } from './verify.ts';

/** What stands at a path; several paths share one of these when they are hard links. */
interface Node {
  kind: 'file' | 'directory' | 'symlink';
  text: string;
}
type Tree = Map<string, Node>;

/** What one layer does to the tree below it. */
type Edit =
  | { op: 'write' | 'symlink' | 'mkdir' | 'remove' | 'renew'; path: string }
  | { op: 'link'; from: string; path: string };

const path = fc
  .array(fc.constantFrom('a', 'b', 'c', 'dev', 'etc'), { minLength: 1, maxLength: 4 })
  .map((parts) => parts.join('/'));
const shortPath = fc.constantFrom('a', 'b', 'c', 'dev', 'etc');
const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.record({ op: fc.constantFrom('write' as const, 'symlink' as const, 'mkdir' as const), path }),
  fc.record({ op: fc.constantFrom('remove' as const, 'renew' as const), path }),
  // Mostly of names and to names in the root directory: links of links need several that meet.
  fc.record({ op: fc.constantFrom('write' as const, 'remove' as const), path: shortPath }),
  fc.record({ op: fc.constant('link' as const), from: shortPath, path: shortPath }),
  fc.record({ op: fc.constant('link' as const), from: path, path }),
);

function parentOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '';
}

function remove(tree: Tree, path: string): void {
  for (const each of [...tree.keys()]) if (each === path || each.startsWith(`${path}/`)) tree.delete(each);
}

function apply(tree: Tree, change: Edit, unique: string): void {
  const { path } = change;
  const parent = parentOf(path);
  if (parent !== '' && tree.get(parent)?.kind !== 'directory') return;
  const before = tree.get(path);
  if (change.op === 'link') {
    const target = tree.get(change.from);
    if (target?.kind !== 'file' || path === change.from || change.from.startsWith(`${path}/`)) return;
    remove(tree, path);
    tree.set(path, target);
  } else if (change.op === 'mkdir') {
    if (before?.kind !== 'directory') tree.set(path, { kind: 'directory', text: '' });
  } else if (change.op === 'renew') {
    // Deleted and made again: what was in it is gone.
    remove(tree, path);
    tree.set(path, { kind: 'directory', text: '' });
  } else {
    remove(tree, path);
    if (change.op !== 'remove')
      tree.set(path, { kind: change.op === 'write' ? 'file' : 'symlink', text: unique });
  }
}

const TYPES = { file: '0', symlink: '2', directory: '5' };

/**
 * The layer that leads from one tree to the next, as container programs write it. `newest`: links point to the newest of
 * a file's names, which is often a link itself.
 */
function layerBetween(before: Tree, after: Tree, newest: boolean): RawEntry[] {
  const entries: RawEntry[] = [];
  const written = new Map<Node, string>();
  for (const [name, node] of [...after].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const old = before.get(name);
    if (old === node) continue;
    const first = written.get(node);
    if (first !== undefined) {
      entries.push({ name, type: '1', link: first });
      continue;
    }
    // A link to what a lower layer has: programs that compare trees write only the link.
    const names = [...before].filter(([name, each]) => each === node && after.get(name) === node);
    const below = names.at(newest ? -1 : 0)?.[0];
    if (node.kind === 'file' && below !== undefined) {
      entries.push({ name, type: '1', link: below });
      continue;
    }
    if (node.kind === 'file') written.set(node, name);
    const { kind, text } = node;
    entries.push({
      ...{ name: kind === 'directory' ? `${name}/` : name, type: TYPES[kind] },
      ...(kind === 'file' && { content: text }),
      ...(kind === 'symlink' && { link: text }),
    });
    if (kind === 'directory' && old?.kind === 'directory') entries.push({ name: `${name}/.wh..wh..opq` });
  }
  for (const name of before.keys()) {
    const parent = parentOf(name);
    const kept = parent === '' || (after.get(parent) === before.get(parent) && after.has(parent));
    if (!after.has(name) && kept) {
      entries.push({
        name: [parent, `.wh.${name.slice(parent === '' ? 0 : parent.length + 1)}`].filter(Boolean).join('/'),
      });
    }
  }
  return entries;
}

interface Made {
  layers: RawEntry[][];
  tree: Tree;
}

const image: fc.Arbitrary<Made> = fc
  .tuple(
    fc.array(fc.array(edit, { minLength: 1, maxLength: 25 }), { minLength: 1, maxLength: 6 }),
    fc.boolean(),
  )
  .map(([sessions, newest]) => {
    let tree: Tree = new Map();
    const layers = sessions.map((edits, i) => {
      const next = new Map(tree);
      edits.forEach((change, j) => apply(next, change, `${i}.${j}`));
      const entries = layerBetween(tree, next, newest);
      tree = next;
      return entries;
    });
    return { layers, tree };
  });

/** Each path with what it is and the first of the paths that share its content. */
function view(tree: Tree): Record<string, string> {
  const names = [...tree.keys()].sort();
  const first = new Map<Node, string>();
  for (const name of names) if (!first.has(tree.get(name)!)) first.set(tree.get(name)!, name);
  return Object.fromEntries(
    names.map((name) => {
      const node = tree.get(name)!;
      return [name, `${node.kind} ${node.text}${node.kind === 'file' ? ` = ${first.get(node)}` : ''}`];
    }),
  );
}

/** The tree that the entries give when they are unpacked one after the other. */
async function flattened(layers: LayerBlob[]): Promise<Tree> {
  const tree: Tree = new Map();
  let last: Node | undefined;
  await flattenImage(
    { name: 'test', layers },
    {
      entry(entry: LayerEntry) {
        expect(tree.has(entry.path), entry.path).toBe(false);
        const kind = entry.type === '5' ? 'directory' : entry.type === '2' ? 'symlink' : 'file';
        const target = entry.type === '1' ? tree.get(entry.link) : undefined;
        if (entry.type === '1') expect(target, `${entry.path} -> ${entry.link}`).toBeDefined();
        last = target ?? { kind, text: entry.type === '2' ? entry.link : '' };
        tree.set(entry.path, last);
        return true;
      },
      data: (piece) => void (last!.text += piece.toString()),
      drain: () => undefined,
    },
  );
  return tree;
}

/** More by hand: FLATTEN_RUNS=2000. */
test('one pass from the top gives what applying from the bottom gives', async () => {
  const dir = scratch();
  await fc.assert(
    fc.asyncProperty(image, fc.constantFrom('tar', 'gzip', 'zstd'), async ({ layers, tree }, packing) => {
      const blobs = layers.map((entries) => layerBlob(dir, layerTar(entries), packing as 'tar'));
      expect(view(await flattened(blobs))).toEqual(view(tree));
    }),
    { numRuns: Number(process.env['FLATTEN_RUNS'] ?? 150) },
  );
});

/** What a directory holds, hard links by inode. */
function unpacked(root: string): Tree {
  const tree: Tree = new Map();
  const inodes = new Map<number, Node>();
  for (const name of readdirSync(root, { recursive: true }) as string[]) {
    const file = join(root, name);
    const stat = lstatSync(file);
    const kind = stat.isDirectory() ? 'directory' : stat.isSymbolicLink() ? 'symlink' : 'file';
    const text =
      kind === 'directory' ? '' : kind === 'symlink' ? readlinkSync(file) : readFileSync(file, 'utf8');
    const node = inodes.get(stat.ino) ?? { kind, text };
    if (kind === 'file') inodes.set(stat.ino, node);
    tree.set(name, node);
  }
  return tree;
}

describeWith(['umoci'], 'against umoci', () => {
  it('gives the tree that it unpacks', { timeout: 120_000 }, async () => {
    for (const { layers } of fc.sample(image, 15)) {
      const dir = scratch();
      const tars = layers.map(layerTar);
      writeLayout(join(dir, 'layout'), [{ name: 'test', layers: tars }]);
      const argv = ['umoci', 'unpack', '--rootless', '--image', `${dir}/layout:test`, `${dir}/bundle`];
      expect(run(argv)).toMatchObject({ status: 0 });
      const blobs = tars.map((tar) => layerBlob(dir, tar));
      expect(view(await flattened(blobs))).toEqual(view(unpacked(`${dir}/bundle/rootfs`)));
    }
  });
});

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
  await expect(flattened(blobs)).rejects.toThrow(message);
});

const TAR = layerTar([{ name: 'a', content: 'x'.repeat(5000) }]);

test.each<[string, Buffer, RegExp]>([
  ['cut off in a content', TAR.subarray(0, 2000), /cut off/],
  ['cut off in a header', TAR.subarray(0, 300), /cut off/],
  ['no tar', Buffer.from('<html>'.repeat(200)), /wrong checksum/],
  ['a tar of nothing', Buffer.alloc(0), /^$/],
])('a layer that is %s', async (_what, tar, message) => {
  const read = flattened([layerBlob(scratch(), tar)]);
  if (message.source === '^$') expect((await read).size).toBe(0);
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
  await expect(flattened([{ ...blob, file }])).rejects.toThrow(/cannot be read/);
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
