/** The EFI system partition follows OSTree's deployments: whenever the power fails, what is there starts one of them. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { REPO } from './support/osmith.ts';

const SCRIPT = join(REPO, 'workspace/data/desktop/boot-entries/sync-esp');
const VARIABLE = 'LoaderDevicePartUUID-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f';

/** What changes the file system, or says that it has: the power can fail at each of them. */
const CUT = ['cp', 'mv', 'sync', 'rm', 'find', 'mkdir'];

/** Counts its runs; at the one that $CUT_AT says it does half of its work, and then nothing goes on. */
const WRAPPER = `#!/bin/sh
count=$(($(cat "$COUNT") + 1))
echo "$count" > "$COUNT"
name=\${0##*/}
if [ "$count" = "$CUT_AT" ]; then
  [ "$name" != cp ] || head -c 3 "$1" > "$2"
  kill -9 -$(ps -o pgid= $$ | tr -d ' ')
fi
PATH=\${PATH#*:} exec "$name" "$@"
`;

let dir: string;
let bin: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'osmith-test-'));
  bin = join(dir, 'bin');
  mkdirSync(bin);
  const program = (name: string, text: string) => {
    writeFileSync(join(bin, name), text);
    chmodSync(join(bin, name), 0o755);
  };
  for (const name of CUT) program(name, WRAPPER);
  for (const name of ['mount', 'umount']) program(name, '#!/bin/sh\n');
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

interface Deployment {
  /** Of kernel and initramfs. */
  sum: string;
  options: string;
}

/** A machine whose OSTree has these deployments, the first choice last. */
function deploy(root: string, deployments: Deployment[]): void {
  const boot = join(root, 'boot');
  rmSync(boot, { recursive: true, force: true });
  mkdirSync(join(boot, 'loader.0/entries'), { recursive: true });
  symlinkSync('loader.0', join(boot, 'loader'));
  deployments.forEach(({ sum, options }, index) => {
    const path = `ostree/os-${sum}`;
    mkdirSync(join(boot, path), { recursive: true });
    for (const file of ['vmlinuz-6', 'initramfs-6.img'])
      writeFileSync(join(boot, path, file), `${file} ${sum}`);
    const lines = ['title Test', 'version 1', `options ${options}`];
    const files = [`linux /boot/${path}/vmlinuz-6`, `initrd /boot/${path}/initramfs-6.img`];
    writeFileSync(
      join(boot, `loader.0/entries/ostree-${index + 1}.conf`),
      [...lines, ...files, ''].join('\n'),
    );
  });
}

function machine(name: string): string {
  const root = join(dir, name);
  mkdirSync(join(root, 'sys/firmware/efi/efivars'), { recursive: true });
  writeFileSync(join(root, 'sys/firmware/efi/efivars', VARIABLE), Buffer.from('\x06\0\0\0A\0B\0', 'latin1'));
  const esp = join(root, 'run/osmith/esp');
  mkdirSync(join(esp, 'loader/entries'), { recursive: true });
  mkdirSync(join(esp, 'osmith'));
  for (const file of ['vmlinuz', 'initrd']) writeFileSync(join(esp, 'osmith', file), `${file} of the image`);
  const entry = 'title Test\nlinux /osmith/vmlinuz\ninitrd /osmith/initrd\noptions of-the-image\n';
  writeFileSync(join(esp, 'loader/entries/osmith.conf'), entry);
  return root;
}

/** Runs the script; `cutAt`: the power fails there. Whether it came to its end. */
function sync(root: string, cutAt = 0): boolean {
  const count = join(dir, 'count');
  writeFileSync(count, '0');
  const env = { PATH: `${bin}:${process.env['PATH']}`, TMPDIR: dir, COUNT: count, CUT_AT: String(cutAt) };
  const { status, stderr } = spawnSync('setsid', ['--wait', 'sh', SCRIPT, root], { env, encoding: 'utf8' });
  if (cutAt === 0) expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return status === 0;
}

/** What systemd-boot starts: the entry whose name is the last by its version, with files that are whole. */
function started(root: string): string {
  const esp = join(root, 'run/osmith/esp');
  const names = readdirSync(join(esp, 'loader/entries')).filter((name) => name.endsWith('.conf'));
  const { stdout } = spawnSync('sort', ['--version-sort'], { input: names.join('\n'), encoding: 'utf8' });
  const entry = readFileSync(join(esp, 'loader/entries', stdout.trim().split('\n').at(-1)!), 'utf8');
  const field = (name: string) => new RegExp(`^${name} (.*)$`, 'm').exec(entry)![1]!;
  const [linux, initrd] = ['linux', 'initrd'].map((name) => readFileSync(join(esp, field(name)), 'utf8'));
  const sum = /os-(\w+)/.exec(field('linux'))?.[1];
  const whole =
    sum === undefined
      ? ['vmlinuz of the image', 'initrd of the image']
      : [`vmlinuz-6 ${sum}`, `initramfs-6.img ${sum}`];
  expect([linux, initrd]).toEqual(whole);
  return field('options');
}

function cut(name: string, before: Deployment[], after: Deployment[], allowed: string[]): number {
  const fresh = machine(`${name}-fresh`);
  if (before.length > 0) {
    deploy(fresh, before);
    sync(fresh);
  }
  const last = after.at(-1)!.options;
  for (let at = 1; ; at += 1) {
    const root = join(dir, `${name}-${at}`);
    cpSync(fresh, root, { recursive: true, verbatimSymlinks: true });
    deploy(root, after);
    const done = sync(root, at);
    expect([at, started(root)]).toEqual([at, done ? last : expect.toBeOneOf(allowed)]);
    // The next boot makes good whatever was left.
    sync(root);
    expect(started(root)).toBe(last);
    const esp = join(root, 'run/osmith/esp');
    expect(readdirSync(join(esp, 'loader/entries')).length).toBe(after.length);
    expect(readdirSync(join(esp, 'ostree')).length).toBe(new Set(after.map(({ sum }) => sum)).size);
    expect(existsSync(join(esp, 'osmith'))).toBe(false);
    if (done) return at;
  }
}

const [one, two, three] = ['one', 'two', 'three'].map((sum) => ({ sum, options: sum })) as [
  Deployment,
  Deployment,
  Deployment,
];

test('at the first boot, from the entry of the image', () => {
  expect(cut('first', [], [one], ['of-the-image', 'one'])).toBeGreaterThan(8);
});

test('after an upgrade, with the kernel of the one before last removed', () => {
  expect(cut('upgrade', [one, two], [two, three], ['two', 'three'])).toBeGreaterThan(10);
});

test('after an upgrade that keeps the kernel, and after going back', () => {
  const same = { sum: 'one', options: 'one-again' };
  cut('same', [one], [one, same], ['one', 'one-again']);
  cut('back', [one, two], [two, one], ['two', 'one']);
});

test('nothing is written when nothing changed', () => {
  const root = machine('unchanged');
  deploy(root, [one, two]);
  sync(root);
  const entries = join(root, 'run/osmith/esp/loader/entries');
  const before = readdirSync(entries);
  sync(root);
  expect(readdirSync(entries)).toEqual(before);
});

test('a kernel that was damaged there is put right', () => {
  const root = machine('damaged');
  deploy(root, [one]);
  sync(root);
  writeFileSync(join(root, 'run/osmith/esp/ostree/os-one/initramfs-6.img'), '');
  sync(root);
  expect(started(root)).toBe('one');
});
