/**
 * The shipped content hooks, each by its effect: a real tree is built with all of them, and the programs that they are for
 * look at it from inside (a hook of the group manifest, which tells what they said in manifest.json).
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkDconf } from '../src/plan/checks/dconf.ts';
import { CONFIG, DATA, HOOKS, KEYFILES } from './support/content.ts';
import { LONG } from './support/long.ts';
import { lastResult, smallWorkspace, warm, type Small } from './support/small.ts';

interface Look {
  [what: string]: unknown;
  tried: boolean[];
}

let small: Small;
let manifest: {
  look: Look;
  files: Record<string, string>;
  localtime: string;
  initrd: string;
  image_language: string;
};

function write(path: string, text: string | Buffer, mode = 0o644): void {
  const file = join(small.workspace, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text, { mode });
}

beforeAll(async () => {
  small = smallWorkspace();
  await warm(small);
  for (const [name, text] of Object.entries(HOOKS))
    write(`hooks/${name}`, text, text.startsWith('#!') ? 0o755 : 0o644);
  for (const [name, text] of Object.entries(DATA)) write(`data/content/${name}`, text);
  write('data/content/keyfiles', JSON.stringify(KEYFILES));
  write('config/local.ini', CONFIG);
  const done = await small.run(['build']);
  expect(done.exitCode, done.all).toBe(0);
  manifest = JSON.parse(readFileSync(join(small.out, 'manifest.json'), 'utf8')) as typeof manifest;
});

afterAll(() => small.remove());

const SETTING = '/org/gnome/desktop';

test('language: the C library, the manifest', () => {
  expect(manifest.image_language).toBe('es_MX.UTF-8');
  expect(manifest.files).toMatchObject({
    'etc/locale.conf': 'LANG=es_MX.UTF-8|',
    'etc/default/locale': 'LANG=es_MX.UTF-8|',
  });
  expect(manifest.look['locales']).toEqual([
    ...['C', 'C.utf8', 'POSIX', 'es_MX.utf8', 'fr_FR.utf8', 'sr_RS.utf8@latin'],
  ]);
  expect(manifest.look['money']).toBe('din');
});

test('time zone, with the month in the language', () => {
  expect(manifest.look['month']).toBe('mayo CST');
  expect(manifest.localtime).toBe('../usr/share/zoneinfo/America/Mexico_City');
  expect(manifest.files['etc/timezone']).toBe('America/Mexico_City|');
});

test('keyboard and language as systemd-localed tells them, and as GNOME reads them', () => {
  const told = manifest.look['keyboard'] as string;
  for (const line of ["(<'latam,us'>,)", "(<'nodeadkeys'>,)", "(<['LANG=es_MX.UTF-8']>,)"]) {
    expect(told.split('\n')).toContain(line);
  }
  expect(manifest.look['settings']).toMatchObject({
    [`${SETTING}/input-sources/sources`]: "[('xkb', 'latam+nodeadkeys'), ('xkb', 'us')]",
  });
});

test('host name', () => {
  expect(manifest.files).toMatchObject({
    'etc/hostname': 'biblioteca|',
    'etc/hosts': '127.0.0.1 localhost|127.0.1.1 biblioteca|',
  });
});

test('settings and locks: what dconf reads, and what GSettings lets a user change', () => {
  expect(manifest.look['settings']).toMatchObject({
    [`${SETTING}/interface/clock-show-date`]: 'false',
    [`${SETTING}/background/picture-uri`]: "'file:///usr/share/backgrounds/image/picture.png'",
    [`${SETTING}/app-folders/folder-children`]: "['games']",
    [`${SETTING}/app-folders/folders/games/apps`]: `['sol.desktop', "it's.desktop"]`,
    '/org/gnome/shell/app-picker-layout':
      "[{'org.gnome.Nautilus.desktop': <{'position': <0>}>, 'games': <{'position': <1>}>}]",
  });
  expect(manifest.look['locked']).toBe(`${SETTING}/interface/clock-show-date`);
  expect(manifest.look['writable']).toEqual(['false', 'true']);
});

test('keyfiles are refused before any work if and only if dconf would refuse them', () => {
  const found = KEYFILES.map((text, index) => {
    const file = join(small.dir, 'keyfile');
    writeFileSync(file, text);
    const option = { name: 'image.settings', value: file, where: () => undefined };
    return [text, checkDconf([{ option, path: file, file }]).length === 0, manifest.look.tried[index]];
  });
  expect(found.filter(([, ours, theirs]) => ours !== theirs)).toEqual([]);
  expect(new Set(manifest.look.tried)).toEqual(new Set([true, false]));
});

test('policies where Chromium and Chrome look for them', () => {
  const managed = { HomepageLocation: 'https://example.org/' };
  const recommended = { BookmarkBarEnabled: true };
  expect(manifest.look['policies']).toEqual({
    '/etc/chromium/policies/managed/50-managed.json': managed,
    '/etc/chromium/policies/recommended/50-recommended.json': recommended,
    '/etc/opt/chrome/policies/managed/50-managed.json': managed,
    '/etc/opt/chrome/policies/recommended/50-recommended.json': recommended,
  });
});

test('presets, with systemctl', () => {
  const lines = (manifest.look['presets'] as string).split('\n').map((line) => line.split(/\s+/).slice(0, 3));
  expect(lines).toEqual([
    ['unwanted.service', 'disabled', 'disabled'],
    ['wanted.service', 'enabled', 'enabled'],
  ]);
});

test('users and files of later packages, libraries, the stamp', () => {
  expect(manifest.look).toMatchObject({
    user: '_probe:x:412:412:Probe:/var/lib/probe:/usr/sbin/nologin',
    made: 'drwxr-x--- _probe',
    srv: false,
    libraries: expect.stringMatching(/^\d+ libs found in cache/) as string,
    stamp: true,
  });
});

test('first boot', () => {
  expect(manifest.files['etc/gnome-initial-setup/vendor.conf']).toBe('[pages]|skip=language|');
});

test('the initramfs: what was there, and what cpio and the kernel read after it', async () => {
  const bytes = Buffer.from(manifest.initrd, 'base64');
  const members = bytes.indexOf(Buffer.from([0x1f, 0x8b, 0x08]), 1);
  expect(members % 4).toBe(0);
  const list = async (part: Buffer) =>
    (await execa('cpio', ['-t', '--quiet'], { input: gunzipSync(part) })).stdout.split('\n');
  expect(await list(bytes.subarray(0, members))).toEqual(['init']);
  const appended = await list(bytes.subarray(members));
  expect(appended.filter((name) => /\.png$|branding/.test(name))).toEqual([
    'etc/branding',
    'usr/share/plymouth/themes/spinner/watermark.png',
  ]);
});

test.runIf(LONG)('each hook makes the same bits again', async () => {
  const { steps } = JSON.parse((await small.run(['plan', '--json'])).stdout) as { steps: { id: string }[] };
  const ids = steps.map(({ id }) => id).filter((id) => id.startsWith('image/'));
  expect(ids.length).toBeGreaterThan(15);
  const layers = () => ids.map((id) => [id, lastResult(small.store, id).result.trees['tree']]);
  const before = layers();
  for (const id of ids) rmSync(lastResult(small.store, id).file);
  const done = await small.run(['build']);
  expect(done.exitCode, done.all).toBe(0);
  expect(layers()).toEqual(before);
});
