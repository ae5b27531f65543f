/** Layers against the kernel: what an overlay of them shows must come out of every form that we give them. */
import { createWriteStream, linkSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { edit, type Edit } from '../../../test/support/edits.ts';
import { stepScene, testStore, type TestStore } from '../../../test/support/engine.ts';
import type { StepContext, Tree } from '../../steps/types.ts';
import { blobPath } from '../store.ts';
import { captureArguments } from './commit.ts';

const EPOCH = 1_700_000_000;
const OBSERVER = ['python3', '/in/support/tree.py'];

type View = Record<string, Record<string, unknown>>;

/** What an observer sees, with the times that layers may have. */
function clamped(stdout: string): View {
  const view = JSON.parse(stdout) as View;
  for (const entry of Object.values(view)) {
    entry['mtime'] = Math.min(Math.max(entry['mtime'] as number, 0), EPOCH);
  }
  return view;
}

async function view(context: StepContext<unknown>, dir: string, tree?: { tree: Tree; writable: boolean }) {
  const trees = tree === undefined ? {} : { [dir]: tree };
  const { stdout } = await context.exec({ argv: [...OBSERVER, 'view', dir], stdout: 'capture', trees });
  return clamped(stdout);
}

/** A first layer made of a plain directory, as bootstrapping does. */
async function firstLayer(context: StepContext<unknown>, edits: Edit[]): Promise<Tree> {
  mkdirSync(join(context.work, 'base'));
  await context.exec({ argv: [...OBSERVER, 'edit', '/work/base'], stdin: JSON.stringify(edits) });
  await context.exec({ argv: captureArguments('/work/base', EPOCH), stdout: { file: 'base.tar' } });
  return context.importTar('base.tar');
}

/** A further layer, as hooks make them; and what the kernel shows of all of them then. */
async function nextLayer(context: StepContext<unknown>, base: Tree, edits: Edit[]) {
  const tree = { tree: base, writable: true };
  const argv = [...OBSERVER, 'edit', '/tree'];
  await context.exec({ argv, stdin: JSON.stringify(edits), trees: { '/tree': tree } });
  const seen = await view(context, '/tree', tree);
  return { tree: await context.commit('/tree'), seen };
}

/** The same layers in a store that has to unpack them. */
async function elsewhere(from: TestStore, tree: Tree): Promise<View> {
  await using other = await testStore();
  for (const digest of tree.layers) {
    mkdirSync(dirname(blobPath(other.store, digest)), { recursive: true });
    linkSync(blobPath(from.store, digest), blobPath(other.store, digest));
  }
  return await view(await stepScene(other, EPOCH), '/tree', { tree, writable: false });
}

async function extracted(context: StepContext<unknown>, tree: Tree): Promise<View> {
  mkdirSync(join(context.work, 'flat'));
  const argv = [
    'tar',
    '-x',
    '-p',
    '--delay-directory-restore',
    '--xattrs',
    '--xattrs-include=*',
    '--numeric-owner',
    '-C',
    '/work/flat',
  ];
  await context.exec({ argv, stdin: context.flatten(tree) });
  return view(context, '/work/flat');
}

/** As Python's tarfile reads the flattened tree. */
async function readByPython(context: StepContext<unknown>, tree: Tree): Promise<View> {
  await pipeline(context.flatten(tree), createWriteStream(join(context.work, 'flat.tar')));
  const argv = [...OBSERVER, 'tar', '/work/flat.tar'];
  return clamped((await context.exec({ argv, stdout: 'capture' })).stdout);
}

function withoutLinks(seen: View): View {
  const entries = Object.entries(seen);
  return Object.fromEntries(entries.map(([path, entry]) => [path, { ...entry, links: undefined }]));
}

/** More by hand: LAYER_RUNS=100. */
const RUNS = Number(process.env['LAYER_RUNS'] ?? 2);

test('a tree of layers is what the kernel shows, in every form', { timeout: RUNS * 60_000 }, async () => {
  const session = fc.array(edit, { minLength: 80, maxLength: 160, size: 'max' });
  const sessions = fc.array(session, { minLength: 3, maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(sessions, async ([first = [], ...rest]) => {
      await using scene = await testStore();
      const context = await stepScene(scene, EPOCH);
      let tree = await firstLayer(context, first);
      let seen: View = {};
      for (const edits of rest) ({ tree, seen } = await nextLayer(context, tree, edits));
      expect(await extracted(context, tree)).toEqual(seen);
      expect(await elsewhere(scene, tree)).toEqual(seen);
      expect(await readByPython(context, tree)).toEqual(withoutLinks(seen));
    }),
    { numRuns: RUNS, endOnFailure: true },
  );
});

const DEVICES = `
import io, tarfile
with tarfile.open('/work/raw.tar', 'w', format=tarfile.PAX_FORMAT) as tar:
    def add(name, kind, mode, device=(0, 0), gid=0):
        info = tarfile.TarInfo(name)
        info.type, info.mode, info.gid = kind, mode, gid
        info.devmajor, info.devminor = device
        tar.addfile(info)
    add('./', tarfile.DIRTYPE, 0o755)
    add('./dev', tarfile.DIRTYPE, 0o755)
    add('./dev/null', tarfile.CHRTYPE, 0o666, (1, 3))
    add('./dev/sda', tarfile.BLKTYPE, 0o660, (8, 0), 6)
    add('./dev/many', tarfile.BLKTYPE, 0o660, (4095, 1048575), 6)
`;

test('device nodes, which nobody can make here, go from layer to layer all the same', async () => {
  await using scene = await testStore();
  const context = await stepScene(scene, EPOCH);
  await context.exec({ argv: ['python3', '-c', DEVICES] });
  const base = await context.importTar('raw.tar');
  const more: Edit[] = [
    { op: 'write', path: ['dev', 'a'], data: 'x', times: 1 },
    { op: 'chown', path: ['dev'], uid: 33, gid: 33 },
  ];
  const { tree, seen } = await nextLayer(context, base, more);
  expect(Object.keys(seen)).toEqual(['dev', 'dev/a']);
  const flat = await readByPython(context, tree);
  expect(Object.keys(flat).sort()).toEqual(['dev', 'dev/a', 'dev/many', 'dev/null', 'dev/sda']);
  expect([flat['dev/null'], flat['dev/sda'], flat['dev/many']]).toMatchObject([
    { mode: '0o666', owner: [0, 0], device: [1, 3] },
    { mode: '0o660', owner: [0, 6], device: [8, 0] },
    { device: [4095, 1048575] },
  ]);
  expect(flat['dev']).toMatchObject({ owner: [33, 33] });
});
