/** Changes of trees on real ext4 file systems, which e2fsck finds sound and debugfs reads as they should be. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { FileFacts, Listing } from '../diff/types.ts';
import { encodeName } from '../run/layer/name.ts';
import { deltaOf, script } from './delta.ts';
import { Ext4 } from './ext4.ts';
import { attributesText, namesText } from './facts.ts';

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'osmith-live-'));
  mkdirSync(join(dir, 'contents'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const ENV = { ...process.env, DEBUGFS_PAGER: 'cat', PAGER: 'cat' };

function run(argv: string[], expected = [0]): { stdout: Buffer; stderr: string } {
  const { status, stdout, stderr } = spawnSync(argv[0]!, argv.slice(1), { env: ENV, maxBuffer: 1 << 26 });
  expect(expected, `${argv.join(' ')}\n${stdout.toString()}${stderr.toString()}`).toContain(status);
  return { stdout, stderr: stderr.toString() };
}

/** Commands with names that are no UTF-8 go through a file. */
function debugfs(image: string, commands: Buffer, write: boolean): { stdout: Buffer; stderr: string } {
  writeFileSync(join(dir, 'commands'), commands);
  const done = run(['debugfs', ...(write ? ['-w'] : []), '-f', join(dir, 'commands'), image]);
  return { ...done, stderr: done.stderr.replace(/^debugfs \d.*\n/, '') };
}

interface Made {
  listing: Listing;
  contents: Map<string, Buffer>;
}

const NAMES = ['a', 'b c', 'd"e', '-f', '<12>', '#g', 'h\\i$*', 'é\t', 'j\udc80k', "l'm", 'n'.repeat(255)];
const name = fc.constantFrom(...NAMES);
const attributes = fc.option(
  fc.dictionary(
    fc.constantFrom('user.x', 'security.capability', 'user.y z'),
    fc.uint8Array({ minLength: 1, maxLength: 300 }),
    {
      maxKeys: 2,
    },
  ),
  { nil: {} },
);
const node = fc.record({
  kind: fc.constantFrom(
    'file',
    'file',
    'directory',
    'directory',
    'symlink',
    'character device',
    'block device',
    'pipe',
    'link',
  ),
  name,
  at: fc.nat(),
  mode: fc.nat(0o7777),
  uid: fc.constantFrom(0, 1000, 65534, 200000),
  gid: fc.constantFrom(0, 5, 4000000),
  size: fc.constantFrom(0, 1, 4096, 5000, 300000),
  fill: fc.nat(3),
  attributes,
});
const trees = fc.array(node, { maxLength: 14 }).map((nodes): Made => {
  const listing: Listing = new Map([
    ['', { type: 'directory', mode: 0o755, owner: '0:0', attributes: '', names: '' }],
  ]);
  const contents = new Map<string, Buffer>();
  const groups = new Map<string, string[]>();
  for (const each of nodes) {
    const parents = [...listing].filter(([, { type }]) => type === 'directory').map(([path]) => path);
    const parent = parents[each.at % parents.length]!;
    const path = parent === '' ? each.name : `${parent}/${each.name}`;
    if (listing.has(path)) continue;
    if (each.kind === 'link') {
      const files = [...contents.keys()];
      const first = files[each.at % files.length];
      if (first === undefined) continue;
      listing.set(path, listing.get(first)!);
      groups.set(first, [...(groups.get(first) ?? [first]), path]);
      continue;
    }
    const facts: FileFacts = {
      ...{
        type: each.kind,
        mode: each.mode,
        owner: `${each.uid}:${each.gid}`,
        names: '',
      },
      attributes: attributesText(new Map(Object.entries(each.attributes))),
    };
    if (each.kind === 'symlink') facts.detail = each.fill > 1 ? `../${each.name}` : 'x y"z/'.repeat(20);
    if (each.kind.endsWith('device')) facts.detail = each.fill > 1 ? '1, 3' : '300, 60000';
    if (each.kind === 'file') {
      const content = Buffer.alloc(each.size, each.fill);
      Object.assign(facts, { size: each.size, digest: createHash('sha256').update(content).digest('hex') });
      contents.set(path, content);
    }
    listing.set(path, facts);
  }
  for (const [first, paths] of groups) listing.get(first)!.names = namesText(paths);
  for (const [path, facts] of listing) {
    const owner = [...groups].find(([, paths]) => paths.includes(path))?.[0];
    if (facts.type === 'file' && owner !== undefined) contents.set(path, contents.get(owner)!);
  }
  return { listing, contents };
});

function apply(image: string, from: Listing, to: Made): void {
  const files = new Map(
    [...to.contents].map(([path, content]) => [
      path,
      { content, file: join(dir, 'contents', createHash('sha1').update(path, 'utf16le').digest('hex')) },
    ]),
  );
  for (const { file, content } of files.values()) writeFileSync(file, content);
  const { commands, values } = script(deltaOf(from, to.listing), {
    ...{ from, to: to.listing, content: (path) => files.get(path)!.file, values: join(dir, 'contents') },
    time: () => 1700000000,
  });
  for (const [file, value] of values) writeFileSync(file, value);
  expect(debugfs(image, commands, true).stderr).toBe('');
  run(['e2fsck', '-f', '-n', image]);
}

function read(image: string): Listing {
  const fd = openSync(image, 'r');
  try {
    return new Ext4(fd, 0).list();
  } finally {
    closeSync(fd);
  }
}

const plain = (listing: Listing) =>
  Object.fromEntries(
    [...listing].map(([path, { mode, ...facts }]) => [
      path,
      { ...facts, mode: facts.type === 'symlink' ? 0 : mode },
    ]),
  );

/** What debugfs says of each path. */
function checkByDebugfs(image: string, { listing, contents }: Made): void {
  for (const [path, facts] of listing) {
    const quoted = Buffer.concat([
      Buffer.from('"/'),
      encodeName(path.replaceAll('"', '""')),
      Buffer.from('"'),
    ]);
    const ask = (command: string) =>
      debugfs(image, Buffer.concat([Buffer.from(command), quoted, Buffer.from('\n')]), false).stdout;
    const said = ask('stat ').toString('latin1');
    const [uid, gid] = facts.owner!.split(':');
    expect(said).toMatch(new RegExp(`User: +${uid} +Group: +${gid}\\b`));
    if (facts.type !== 'symlink') expect(said).toMatch(new RegExp(`Mode: +0*${facts.mode!.toString(8)} `));
    if (facts.type === 'file') {
      expect(said).toMatch(new RegExp(`Links: ${facts.names === '' ? 1 : facts.names!.split('\0').length} `));
      const echoed = ask('cat ');
      expect(echoed.subarray(echoed.indexOf('\n') + 1).equals(contents.get(path)!)).toBe(true);
    }
  }
}

test('any tree becomes any other', { timeout: 600_000 }, () => {
  const image = join(dir, 'image');
  fc.assert(
    fc.property(trees, trees, (a, b) => {
      rmSync(image, { force: true });
      writeFileSync(image, '');
      truncateSync(image, 24 << 20);
      run([
        'mke2fs',
        '-q',
        '-F',
        '-t',
        'ext4',
        '-b',
        '4096',
        '-O',
        '^resize_inode',
        '-E',
        'root_owner=0:0',
        image,
      ]);
      const empty = read(image);
      apply(image, empty, a);
      expect(plain(read(image))).toEqual(plain(a.listing));
      apply(image, a.listing, b);
      expect(plain(read(image))).toEqual(plain(b.listing));
      checkByDebugfs(image, b);
    }),
    { numRuns: 15, endOnFailure: true },
  );
});

test('a name that debugfs cannot be told is refused', () => {
  const facts: FileFacts = { type: 'directory', mode: 0o755, owner: '0:0', attributes: '', names: '' };
  const [from, to] = [
    new Map([['', facts]]),
    new Map([
      ['', facts],
      ['a\nrm b', facts],
    ]),
  ];
  const request = { from, to, content: () => '', values: '', time: () => 0 };
  expect(() => script(deltaOf(from, to), request)).toThrow(/line break/);
});
