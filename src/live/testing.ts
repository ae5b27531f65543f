/** For tests: a small live image with what a build would know of it, and updates of it with the host's programs. */
import { randomBytes } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Item } from '../compose/items.ts';
import { run } from '../disk/testing.ts';
import type { DiskLayout } from '../disk/layout.ts';
import { openScratch } from '../run/scratch.ts';
import { openStore } from '../run/store.ts';
import { sandboxTools } from '../vm/sandbox-tools.ts';
import { holdImages, imageFormat } from './held.ts';
import { wantedTree } from './tree.ts';
import { updateImage, type LiveResult } from './update.ts';
import { openWorkshop, type LiveContext } from './workshop.ts';

const MIB = 1 << 20;

/** Where the partitions are, bytes. */
export const PLACES = { esp: MIB, root: 5 * MIB, config: 17 * MIB };

const TABLE = `label: gpt
unit: sectors
1 : start=2048, size=8192, type=U, name="EFI System"
2 : start=10240, size=24576, name="IMGA"
4 : start=34816, size=2048, name="CONFIG"
`;

function must(...argv: string[]): void {
  const { status, stderr } = run(argv);
  if (status !== 0) throw new Error(`${argv.join(' ')}: ${stderr}`);
}

function put(from: string, to: string, at: number): void {
  must('dd', `if=${from}`, `of=${to}`, 'bs=1M', `seek=${at / MIB}`, 'conv=notrunc', 'status=none');
}

/** Writes `frame`, `config`, `root`, an empty ext4, and `NAME` made of them: as raw or qcow2. */
export function makeImage(dir: string, names: readonly string[]): void {
  const path = (name: string) => join(dir, name);
  mkdirSync(path('out'));
  writeFileSync(path('frame'), '');
  truncateSync(path('frame'), 20 * MIB);
  const { status, stderr } = run(['sfdisk', '--quiet', path('frame')], { input: TABLE });
  if (status !== 0) throw new Error(stderr);
  writeFileSync(path('noise'), randomBytes(4 * MIB));
  put(path('noise'), path('frame'), PLACES.esp);
  must(
    'dd',
    `if=${path('noise')}`,
    `of=${path('frame')}`,
    'bs=440',
    'count=1',
    'conv=notrunc',
    'status=none',
  );
  writeFileSync(path('config'), randomBytes(MIB));
  writeFileSync(path('root'), '');
  truncateSync(path('root'), 10 * MIB);
  must('mke2fs', '-q', '-t', 'ext4', '-E', 'root_owner=0:0', path('root'));
  copyFileSync(path('frame'), path('disk'));
  put(path('root'), path('disk'), PLACES.root);
  put(path('config'), path('disk'), PLACES.config);
  for (const name of names)
    must('qemu-img', 'convert', '-f', 'raw', '-O', imageFormat(name)!, path('disk'), path(`out/${name}`));
}

const LAYOUT = {
  partitions: [
    { name: 'efi', number: 1, contents: 'esp' },
    { name: 'imga', number: 2, contents: 'image' },
    { name: 'conf', number: 4, contents: 'image' },
  ],
} as unknown as DiskLayout;

const PLAIN = { uid: 0, gid: 0, source: '', location: '' };

export function file(path: string, text: string, mode = 0o644): Item {
  return { kind: 'file', path, mode, content: { text }, ...PLAIN };
}
export function directory(path: string, mode = 0o755): Item {
  return { kind: 'directory', path, mode, ...PLAIN };
}
export function symlink(path: string, link: string): Item {
  return { kind: 'symlink', path, mode: 0o777, link, ...PLAIN };
}

export interface Update {
  dir: string;
  names: string[];
  items: Item[];
  variant?: string;
}

/** What a live update does once it is known what a clean build would make. */
export async function update({ dir, names, items, variant = 'one' }: Update): Promise<LiveResult[]> {
  const path = (name: string) => join(dir, name);
  const store = await openStore(path('store'));
  const { signal } = new AbortController();
  const scratch = await openScratch(store, signal);
  const wanted = names.map((name) => ({ file: path(`out/${name}`), format: imageFormat(name)! }));
  try {
    const images = await holdImages(wanted, signal);
    try {
      const build = {
        ...{ variant, tree: wantedTree(items.map((item) => ({ item }))), layout: LAYOUT, slot: 'imga' },
        ...{ frame: path('frame'), config: path('config') },
        frameDigest: run(['sha256sum', path('frame')]).stdout.slice(0, 64),
        builtConfig: undefined,
        builtRoot: () => Promise.resolve(path('root')),
      };
      const tools = Promise.resolve(sandboxTools(store, 'host', scratch.dir));
      const context: LiveContext = { store, scratch: scratch.dir, tools, signal };
      const done: LiveResult[] = [];
      for (const image of images) {
        const workshop = await openWorkshop(image, context);
        try {
          done.push(await updateImage(image, workshop, build, context));
        } finally {
          await workshop.close();
        }
      }
      return done;
    } finally {
      await Promise.all(images.map(({ release }) => release()));
    }
  } finally {
    await scratch.release();
  }
}

/** The root file system of a raw disk, as a file of its own. */
export function rootOf(disk: string, to: string): string {
  writeFileSync(to, readFileSync(disk).subarray(PLACES.root, PLACES.root + 10 * MIB));
  return to;
}
