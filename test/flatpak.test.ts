/**
 * Flatpak apps in an image: from a signed repository that flatpak itself made, over HTTP, to what flatpak itself finds
 * installed; again without network; and what a list of apps costs.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { flatpakBench, HELLO, STORE, type FlatpakBench } from './support/flatpak-bench.ts';
import { ARCH, EXTRA_DATA, repoFile } from './support/flatpak-repo.ts';
import { lastResult } from './support/small.ts';
import { serve } from './support/web-server.ts';

let bench: FlatpakBench;

beforeAll(async () => {
  bench = await flatpakBench('apps');
});
afterAll(() => bench.close());

/** The tree that the last build put into its image. */
async function unpack(name: string): Promise<string> {
  const root = join(bench.dir, name);
  mkdirSync(root);
  const { result } = lastResult(STORE, 'package/apps', bench.variant);
  for (const { digest } of result.trees['tree']!.layers) {
    const layer = join(STORE, 'blobs/sha256', digest.slice(0, 2), digest);
    await execa('tar', ['-x', '-C', root, '--exclude=./dev/*', '--exclude=dev/*', '-f', layer]);
  }
  return root;
}

/** The real flatpak, on the system's installation of a tree. */
async function flatpakIn(root: string, args: string[]): Promise<string[][]> {
  const home = join(bench.dir, 'home');
  const env = {
    ...{ HOME: home, XDG_DATA_HOME: home, FLATPAK_USER_DIR: join(home, 'flatpak') },
    FLATPAK_SYSTEM_DIR: join(root, 'var/lib/flatpak'),
  };
  const { stdout } = await execa('flatpak', ['--system', ...args], { env });
  return stdout.split('\n').map((line) => line.split('\t'));
}

/** Of all files: what a comparison of two installations shall see. */
async function fingerprint(root: string): Promise<string> {
  const options = ['--sort=name', '--numeric-owner', '-C', join(root, 'var/lib'), '-c', 'flatpak'];
  const { stdout } = await execa('sh', ['-c', 'tar "$@" | sha256sum', 'sh', ...options]);
  return stdout;
}

describe('an image', () => {
  let root: string;

  beforeAll(async () => {
    writeFileSync(join(bench.dir, 'test.flatpakrepo'), repoFile(bench.server.url, bench.maker));
    bench.configure(`
[flatpak]
locales = de en
set_extra_languages = true
[flatpak-remote-test]
repo_file = ${join(bench.dir, 'test.flatpakrepo')}
deploy_url = https://apps.example.org/repo
title = Apps of the test
prio = 7
noenumerate = true
apps_add = ${HELLO} org.test.Extra org.test.Beta//beta
apps_add_old = org.test.Old
exclude = org.test.Platform.Codecs
allow_extra_data = org.test.Extra
`);
    const done = await bench.run(['build']);
    expect(done.exitCode, done.all).toBe(0);
    expect(done.all).toContain('warning: org.test.Old is no longer maintained: Nobody maintains it');
    root = await unpack('first');
  });

  test('has the apps, what they need and their translations, as flatpak sees it', async () => {
    const listed = await flatpakIn(root, ['list', '--columns=ref,origin,options']);
    expect(listed.sort()).toEqual([
      [`org.test.Beta/${ARCH}/beta`, 'test', 'current'],
      [`org.test.Extra/${ARCH}/1`, 'test', 'current'],
      [`org.test.Hello.Locale/${ARCH}/1`, 'test', 'runtime,partial (/de /en)'],
      [`org.test.Hello/${ARCH}/1`, 'test', 'current'],
      [`org.test.Old/${ARCH}/1`, 'test', 'current,eol=Nobody maintains it'],
      [`org.test.Platform/${ARCH}/1`, 'test', 'runtime'],
    ]);
    const platform = await flatpakIn(root, ['info', '--show-location', 'org.test.Platform.Locale//1']);
    const languages = readdirSync(join(platform[0]![0]!, 'files'));
    expect(languages.sort()).toEqual(['.ref', 'de', 'en']);
    const { stdout } = await execa('ostree', ['fsck', `--repo=${join(root, 'var/lib/flatpak/repo')}`]);
    expect(stdout).toContain('no errors found');
  });

  test('has what the app’s maker sent, put in place by the app’s own script', () => {
    const files = join(root, `var/lib/flatpak/app/org.test.Extra/${ARCH}/1/active/files`);
    expect(readFileSync(join(files, 'extra/applied'), 'utf8')).toBe(EXTRA_DATA);
  });

  test('has the rest of the system too, and what desktops look up', () => {
    expect(readFileSync(join(root, 'etc/first'), 'utf8')).toBe('osmith\n');
    const applications = join(root, 'var/lib/flatpak/exports/share/applications');
    expect(readdirSync(applications)).toContain('mimeinfo.cache');
    const desktop = readFileSync(join(applications, `${HELLO}.desktop`), 'utf8');
    expect(desktop).toContain(`Exec=/usr/bin/flatpak run --branch=1 --arch=${ARCH} --command=hello ${HELLO}`);
  });

  test('follows the remote where machines find it', async () => {
    const columns = 'name,url,title,priority,collection,options';
    expect(await flatpakIn(root, ['remotes', '--show-disabled', `--columns=${columns}`])).toEqual([
      ['test', 'https://apps.example.org/repo', 'Apps of the test', '7', 'org.test.Apps', 'no-enumerate'],
    ]);
    const config = readFileSync(join(root, 'var/lib/flatpak/repo/config'), 'utf8');
    expect(config).toMatch(/^gpg-verify=true$/m);
    expect(config).toMatch(/^xa\.extra-languages=de;en$/m);
    expect(config).not.toMatch(/masked|xa\.languages|file:/);
    const keys = await execa('gpg', ['--show-keys', '--with-colons'], {
      inputFile: join(root, 'var/lib/flatpak/repo/test.trustedkeys.gpg'),
      env: { GNUPGHOME: bench.maker.home },
    });
    expect(keys.stdout).toContain(bench.maker.fingerprint);
  });

  test('is described by its manifest', async () => {
    const manifest = JSON.parse(readFileSync(join(bench.small.out, 'manifest.json'), 'utf8')) as {
      flatpak: { remotes: object; apps: Record<string, object>; runtimes: Record<string, object> };
      flatpak_locales: string[];
    };
    expect(manifest.flatpak_locales).toEqual(['de', 'en']);
    expect(manifest.flatpak.remotes).toEqual({
      test: { url: 'https://apps.example.org/repo', 'collection-id': 'org.test.Apps' },
    });
    const { stdout: commit } = await execa('ostree', [
      ...['rev-parse', `--repo=${bench.repo.dir}`, `app/${HELLO}/${ARCH}/1`],
    ]);
    const size = (await flatpakIn(root, ['info', '--show-size', HELLO]))[0]![0]!.replace(/\D/g, '');
    expect(manifest.flatpak.apps[`${HELLO}/${ARCH}/1`]).toEqual({
      ...{ name: HELLO, arch: ARCH, branch: '1', ref: `app/${HELLO}/${ARCH}/1`, remote: 'test', commit },
      ...{ size: Number(size), date: '2024-05-06T07:08:09+0000', version: '1.2' },
      appdata: { C: { name: 'Hello', summary: 'Says hello & goodbye' } },
      runtime: `org.test.Platform/${ARCH}/1`,
    });
    expect(Object.keys(manifest.flatpak.runtimes)).toEqual([
      `org.test.Hello.Locale/${ARCH}/1`,
      `org.test.Platform.Locale/${ARCH}/1`,
      `org.test.Platform/${ARCH}/1`,
    ]);
  });

  test('is built again without any server, into the same bits, though it is installed anew', async () => {
    const port = bench.server.port;
    await bench.server.close();
    try {
      rmSync(lastResult(STORE, 'image/flatpak-install', bench.variant).file);
      const done = await bench.run(['build']);
      expect(done.exitCode, done.all).toBe(0);
      expect(done.all).toContain('Install Flatpak apps');
      expect(await fingerprint(await unpack('again'))).toBe(await fingerprint(root));
    } finally {
      bench.server = await serve(bench.repo.dir, port);
    }
  });

  test('with one more app fetches that app only', async () => {
    bench.server.requests.length = 0;
    const more = await bench.run(['build', '--set', `flatpak-remote-test.apps=${HELLO} org.test.Story.es`]);
    expect(more.exitCode, more.all).toBe(0);
    const contents = bench.server.requests.filter((path) => path.endsWith('.filez'));
    expect(contents.length).toBeGreaterThan(0);
    expect(contents.length).toBeLessThan(8);
    const names = (await flatpakIn(await unpack('more'), ['list', '--app', '--columns=application'])).flat();
    expect(names.sort()).toEqual([HELLO, 'org.test.Story.es']);
  });

  test('without updates from peers and extra languages has neither', async () => {
    const sets = ['flatpak.enable_p2p_updates=false', 'flatpak.set_extra_languages=false'];
    const done = await bench.run(['build', ...sets.flatMap((set) => ['--set', set])]);
    expect(done.exitCode, done.all).toBe(0);
    const config = readFileSync(join(await unpack('alone'), 'var/lib/flatpak/repo/config'), 'utf8');
    expect(config).not.toMatch(/collection-id|languages/);
    expect(config).toMatch(/^gpg-verify-summary=true$/m);
  });
});

describe('show-apps', () => {
  const show = (args: string[]) => bench.run(['show-apps', ...args]);

  beforeAll(() => {
    bench.configure(`[flatpak]
enable = false
[flatpak-remote-test]
url = ${bench.server.url}
keys = ${bench.maker.publicKey}
apps = ${HELLO} org.test.Story.es
`);
  });

  test('shows apps by their runtimes, also where the image has none', async () => {
    const { exitCode, stdout, all } = await show([]);
    expect(exitCode, all).toBe(0);
    const lines = stdout.split('\n').map((line) => line.replaceAll('\u00a0', ' '));
    expect(lines[0]).toBe('');
    expect(lines[1]).toMatch(/^Estimated installed size of apps: 2\.\d MB$/);
    expect(lines.slice(3, 7)).toEqual([
      '',
      '== org.test.Platform//1 ==',
      '',
      '| Remote | App ID                      | Installed Size | Download Size |',
    ]);
    expect(
      lines
        .slice(7)
        .filter(Boolean)
        .map((line) => line.split('|')[2]!.trim()),
    ).toEqual([
      '---------------------------',
      'org.test.Platform//1',
      'org.test.Platform.Locale//1',
      'org.test.Platform.Codecs//1',
      HELLO,
      'org.test.Hello.Locale//1',
      'org.test.Story.es',
    ]);
  });

  test('proposes what to remove, and draws it', async () => {
    const page = join(bench.dir, 'apps.html');
    const args = ['--trim', '500', '--keep', 'org.test.P*', '--remove-first', '*.es', '--html', page];
    const { stdout, all, exitCode } = await show(['--group-by', 'nature', ...args, '--json']);
    expect(exitCode, all).toBe(0);
    const { refs } = JSON.parse(stdout) as { refs: { ref: string; remove?: string }[] };
    const verdicts = Object.fromEntries(refs.map(({ ref, remove }) => [ref.split('/')[1]!, remove]));
    expect(verdicts).toMatchObject({ 'org.test.Story.es': 'Yes', 'org.test.Platform': 'No' });
    expect(readFileSync(page, 'utf8')).toContain('<title>org.test.Story.es\n');
  });
});
