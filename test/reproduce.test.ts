/** `osmith reproduce`: a composed system made again without its registry, and what differs named where it does. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { layerTar, writeLayout, type RawEntry } from '../src/oci/testing.ts';
import { jsonLines, osmith, REPO, type Finished } from './support/osmith.ts';
import { startRegistry, type Registry } from './support/registry.ts';

const NAME = 'osmith_deb_amd64';
const HOOK = 'hooks/manifest/10-stamp';

let dir = '';
let registry: Registry;

const at = (name: string) => join(dir, name);
const inWorkspace = (name: string) => at(`workspace/${name}`);

function put(name: string, text: string): void {
  mkdirSync(dirname(inWorkspace(name)), { recursive: true });
  writeFileSync(inWorkspace(name), text);
}

function git(...args: string[]): void {
  const identity = ['-c', 'user.name=t', '-c', 'user.email=t@example.org', '-c', 'commit.gpgsign=false'];
  execFileSync('git', ['-C', at('workspace'), ...identity, ...args]);
}

function image(name: string, entries: RawEntry[]): string {
  const reference = `${registry.host}/test/${name}:1`;
  writeLayout(at(name), [{ name: reference, layers: [layerTar(entries)], arch: 'amd64' }]);
  execFileSync('skopeo', [
    ...['copy', '-q', '--dest-tls-verify=false'],
    ...[`oci:${at(name)}:${reference}`, `docker://${reference}`],
  ]);
  return reference;
}

function run(...args: string[]): Promise<Finished> {
  return osmith(['-C', at('workspace'), ...args], { cwd: dir, env: { OSMITH_STORE: at('store') } });
}

async function build(out: string, ...args: string[]): Promise<void> {
  const done = await run('build', '--product', 'edge', '--arch', 'amd64', '--out', out, ...args);
  expect(done.exitCode, done.all).toBe(0);
}

const system = (kernel: string, app: string, cmdline: string) =>
  `kernel: {image: "${kernel}", cmdline: ${cmdline}}\ninit: ["${app}"]\n`;
let images: [kernel: string, app: string];

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'osmith-reproduce-'));
  registry = await startRegistry(dir);
  cpSync(join(REPO, 'workspace'), at('workspace'), { recursive: true });
  images = [
    image('kernel', [
      { name: 'kernel', content: 'vmlinux', mode: 0o755 },
      { name: 'kernel.tar', content: layerTar([]) },
    ]),
    image('app', [{ name: 'app', content: 'one', mode: 0o755 }]),
  ];
  put('images/tiny.yml', system(...images, 'one'));
  put(
    'config/local.ini',
    '[compose]\ntemplate = images/tiny.yml\nboot = images/tiny.yml\n[image]\nformats = tar\n[tools]\nmode = host\n',
  );
  git('init', '-q', '.');
  git('commit', '-q', '--allow-empty', '-m', 'one');
  await build('out', '--set', 'image.title=Tiny');
  // Neither the registry nor the repository of the workspace says any more what they said.
  registry.stop();
  git('commit', '-q', '--allow-empty', '-m', 'two');
});

afterAll(() => {
  registry?.stop();
  rmSync(dir, { recursive: true, force: true });
});

test('what was recorded gives the same bits, by other local settings, elsewhere, without the registry', async () => {
  const before = readFileSync(inWorkspace('config/local.ini'), 'utf8');
  put('config/local.ini', '[image]\ntitle = Other\n');
  const done = await run('reproduce', '--keep', 'again');
  put('config/local.ini', before);
  expect(done.all).toMatch(/^out was made again: 3 files, the same bits$/m);
  expect(done.exitCode, done.all).toBe(0);
  execFileSync('diff', ['-r', 'out', 'again'], { cwd: dir });
  const { inputs } = JSON.parse(readFileSync(at('out/manifest.json'), 'utf8')) as {
    inputs: { version: string; date: string };
  };
  expect(inputs.version).toMatch(/^0\.0\.0-\w+-[0-9a-f]{8}/);
});

test('a hook that writes something else each time is named, with what it writes', async () => {
  put(HOOK, 'manifest_fragment stamp.json <<< "{\\"stamp\\": \\"$RANDOM$RANDOM$RANDOM\\"}"\n');
  appendFileSync(inWorkspace('config/local.ini'), '[manifest]\nhooks = 10-stamp\n');
  await build('stamped');
  const done = await run('reproduce', 'stamped', '--json');
  expect(done.exitCode, done.all).toBe(5);
  const found = jsonLines(done).find(({ type }) => type === 'reproduce');
  expect(found).toMatchObject({ equal: false, verdict: 'stamped cannot be made again: 1 of 3 files differ' });
  const tables = found!['tables'] as { title: string; rows: { name: string; a: string; b: string }[] }[];
  expect(tables.map(({ title }) => title)).toEqual([
    'Files',
    'Manifest',
    'manifest/10-stamp makes something else of the same inputs',
  ]);
  expect(tables[0]!.rows.map(({ name }) => name)).toEqual(['manifest.json']);
  const { a, b } = tables[2]!.rows[0]!;
  expect(a).toContain('stamp');
  expect(a).not.toBe(b);
});

test('what the composition became since is named, with the files that are other ones', async () => {
  put('images/tiny.yml', system(...images, 'two'));
  const done = await run('reproduce', 'out');
  put('images/tiny.yml', system(...images, 'one'));
  expect(done.exitCode, done.all).toBe(5);
  expect(done.stdout).toMatch(/^! osmith_deb_amd64\.tar /m);
  expect(done.stdout).toMatch(/^Other inputs:\n! image\/system {2}parameter items: /m);
  expect(done.stdout).toMatch(/^osmith_deb_amd64\.tar:\n! boot\/cmdline {2}\d+ bytes \w+ -> \d+ bytes \w+$/m);
});

test.each<[string, string, number, () => void, RegExp]>([
  ['no build', 'workspace', 2, () => {}, /E_NO_IMAGE.*There is no build in workspace/],
  [
    'a hook that was changed since',
    'stamped',
    2,
    () => appendFileSync(inWorkspace(HOOK), '# more\n'),
    /E_WORKSPACE.*not the one of stamped: hooks\/manifest\/10-stamp changed/,
  ],
  [
    'no configuration',
    'bare',
    2,
    () => {
      cpSync(at('out'), at('bare'), { recursive: true });
      rmSync(at(`bare/${NAME}.config.ini`));
    },
    /E_NO_IMAGE.*bare has no osmith_deb_amd64\.config\.ini/,
  ],
  [
    'a file that was changed since',
    'altered',
    5,
    () => {
      cpSync(at('out'), at('altered'), { recursive: true });
      appendFileSync(at(`altered/${NAME}.tar`), 'x');
    },
    /E_SIGNATURE.*altered\/osmith_deb_amd64\.tar is not what manifest\.json says/,
  ],
])('%s is refused before any work', async (_what, out, exitCode, prepare, message) => {
  prepare();
  const done = await run('reproduce', out);
  expect(done.all).toMatch(message);
  expect(done.exitCode).toBe(exitCode);
  expect(done.all).not.toContain('Compose');
});
