/** The main job on real input: build the default variant, prove that it is what it says, and that it boots. */
import { chown, cp, mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LONG } from './support/long.ts';
import { jsonLines, osmith, REPO } from './support/osmith.ts';

interface Manifest {
  name: string;
  epoch: number;
  packages: { name: string; version: string }[];
  artifacts: { name: string; size: number; sha256: string }[];
}

let dir: string;
let out: string;

async function manifestOf(directory: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(directory, 'manifest.json'), 'utf8')) as Manifest;
}

/** Digests by an independent program. */
async function sha256sum(directory: string, names: string[]): Promise<Record<string, string>> {
  const { stdout } = await execa('sha256sum', names, { cwd: directory });
  return Object.fromEntries(
    stdout.split('\n').map((line) => [line.slice(66), line.slice(0, 64)] as [string, string]),
  );
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'osmith-test-'));
  out = join(dir, 'out');
  const built = await osmith(['build', '--out', out]);
  expect(built.exitCode, built.all).toBe(0);
});

afterAll(async () => {
  await rm(dir, { recursive: true, force: true });
});

test('the manifest names every artifact with its size and digest', async () => {
  const { name, artifacts, packages } = await manifestOf(out);
  const names = artifacts.map((artifact) => artifact.name);
  expect(names.map((file) => file.replace(`${name}.`, '')).sort()).toEqual([
    'initrd',
    'initrd.chunks',
    'pxe.tar',
    'raw',
    'vmlinuz',
  ]);
  const digests = await sha256sum(out, names);
  for (const artifact of artifacts) {
    expect(digests[artifact.name]).toBe(artifact.sha256);
    expect((await stat(join(out, artifact.name))).size).toBe(artifact.size);
  }
  expect(packages.map((entry) => entry.name)).toEqual(
    expect.arrayContaining(['systemd', 'docker.io', 'shim-signed']),
  );
});

test('a second build has nothing to do', async () => {
  const again = await osmith(['build', '--out', out, '--json']);
  const events = jsonLines(again);
  expect(events.find(({ type }) => type === 'run-end')).toMatchObject({ ok: true, ran: 0 });
  expect(events.find(({ type }) => type === 'artifacts')).toMatchObject({ changed: false });
});

test('a build that machines in the field have no room for fails, and says what is too large', async () => {
  const tight = await osmith(['build', '--out', out, '--set', 'fleet-2026.esp=300M']);
  expect(tight.exitCode).toBe(1);
  expect(tight.stderr).toMatch(/E_TOO_LARGE.*partition of 2026 has 314572800.*largest: osmith\/a\/initrd/);
  const small = await osmith(['build', '--out', out, '--set', 'fleet-2026.memory=64M']);
  expect([small.exitCode, small.stderr]).toEqual([
    1,
    expect.stringMatching(/machines of 2026 have 64\.0 MiB/),
  ]);
});

const SUITES = `
import sys, xml.etree.ElementTree as tree
for suite in tree.parse(sys.argv[1]).getroot():
    cases = suite.findall('testcase')
    print(suite.get('name').split('.')[1], len(cases) == int(suite.get('tests')), len(suite.findall('testcase/failure')))
`;

/** Longer than other tests: up to twenty starts of emulated machines. */
const ALL_SCENARIOS = 45 * 60_000;

/** What `make test` has time for: the ways to start, orders, updates, repairs, and one refusal of each kind. */
const CHOSEN = ['bios', 'refuse-kernel', 'refuse-update', 'restore', 'secure-boot', 'update'];

describe('the image', () => {
  test(
    'boots, takes orders, updates and repairs itself, and refuses what it must; in test-all also all else',
    async () => {
      const junit = join(dir, 'reports', 'junit.xml');
      const chosen = LONG ? [] : CHOSEN.flatMap((name) => ['--scenario', name]);
      const tested = await osmith(['test', '--out', out, '--junit', junit, ...chosen]);
      process.stdout.write(`${tested.all}\n`);
      expect(tested.exitCode).toBe(0);
      const files = await readdir(join(REPO, 'workspace/scenarios'));
      const all = LONG ? files.map((file) => file.replace('.yaml', '')) : CHOSEN;
      // Those of the other products and of ISO images need files that this build does not make, and are left out.
      const names = all.filter((name) => !/^(container|desktop|edge|install|iso-)/.test(name));
      expect(names.length).toBeGreaterThanOrEqual(LONG ? 15 : CHOSEN.length);
      for (const name of names) expect(tested.all).toContain(`  ${name}  `);
      // As an independent parser reads it: every scenario, no case lost, nothing failed.
      const { stdout } = await execa('python3', ['-c', SUITES, junit]);
      expect(stdout.split('\n').sort()).toEqual(all.map((name) => `${name} True 0`).sort());
      for (const name of names)
        expect((await stat(join(out, 'test', name, 'console.log'))).size).toBeGreaterThan(0);
      const left = (await readdir(join(out, 'test'), { recursive: true })).filter((file) =>
        /\.raw$|releases/.test(file),
      );
      expect(left, 'large files that nobody needs any more').toEqual([]);
    },
    ALL_SCENARIOS,
  );
});

/** A copy of the project at another path, for a user of its own when we may make one. */
async function otherCheckout(): Promise<{ repo: string; user?: { name: string; home: string } }> {
  const home = join(dir, 'another', 'place');
  const repo = join(home, 'src');
  await mkdir(repo, { recursive: true });
  for (const name of ['src', 'workspace', 'osmith', 'package.json']) {
    await cp(join(REPO, name), join(repo, name), { recursive: true });
  }
  await execa('cp', ['-a', join(REPO, 'node_modules'), join(repo, 'node_modules')]);
  if (process.getuid!() !== 0) return { repo };
  const name = 'osmith-test';
  await execa('useradd', [name, '--home-dir', home], { reject: false }); // it may be left from a former run
  const id = Number((await execa('id', ['-u', name])).stdout);
  const group = Number((await execa('id', ['-g', name])).stdout);
  await execa('chmod', ['755', dir, join(dir, 'another')]);
  await chown(home, id, group);
  return { repo, user: { name, home } };
}

test.runIf(LONG)('another user, elsewhere, later, from an empty store makes the same bits', async () => {
  const { repo, user } = await otherCheckout();
  const store = join(dir, 'another', 'place', 'store');
  const second = join(dir, 'another', 'place', 'result');
  const built = await osmith(['build', '--out', second], {
    repo,
    cwd: '/',
    env: { OSMITH_STORE: store, TZ: 'Asia/Kathmandu', LANG: 'C' },
    ...(user === undefined ? {} : { user }),
  });
  expect(built.exitCode, built.all).toBe(0);
  const { name: stem, artifacts } = await manifestOf(out);
  const names = ['manifest.json', `${stem}.config.ini`, ...artifacts.map((artifact) => artifact.name)];
  expect(await sha256sum(second, names)).toEqual(await sha256sum(out, names));
  if (user !== undefined) {
    await execa('userdel', [user.name], { reject: false });
  }
});
