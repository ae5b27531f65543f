/** Layers merged in one pass from the top must give what applying them from the bottom gives. */
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it, test } from 'vitest';
import { describeWith, run, scratch } from '../disk/testing.ts';
import { flattenImage } from './flatten.ts';
import type { LayerBlob } from './layer.ts';
import type { LayerEntry } from './tar-parser.ts';
import { layerBlob, layerTar, writeLayout, type RawEntry } from './testing.ts';

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
