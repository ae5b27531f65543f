/** What can be wrong with remotes and lists of apps: said at once, each with its line of the configuration. */
import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { flatpakBench, type FlatpakBench } from './support/flatpak-bench.ts';
import { app, ARCH, flatpakRepo, makeSigner } from './support/flatpak-repo.ts';
import type { Finished } from './support/osmith.ts';

let bench: FlatpakBench;

beforeAll(async () => {
  bench = await flatpakBench('faults');
});
afterAll(() => bench.close());

/** The errors of a run with --json. */
function errorsOf({ stderr }: Finished): { code: string; message: string; line?: number; hint?: string }[] {
  const line = stderr.split('\n').find((each) => each.startsWith('{"error"'))!;
  const { error } = JSON.parse(line) as { error: { also?: object[] } };
  return [error, ...(error.also ?? [])] as ReturnType<typeof errorsOf>;
}

/** The build's errors: code, line of local.ini, message. */
async function refused(text: string, exitCode = 1): Promise<[string, number | undefined, string][]> {
  const file = bench.configure(text);
  const done = await bench.run(['build', '--json']);
  expect(done.exitCode, done.all).toBe(exitCode);
  const errors = errorsOf(done);
  for (const error of errors) {
    expect(error).toMatchObject({ file });
    expect(error.hint).toBeTypeOf('string');
  }
  return errors.map(({ code, line, message }) => [code, line, message.replace(/^content\/\S+ /, '')]);
}
const remote = (name: string, more: string) =>
  `[flatpak-remote-${name}]\nurl = ${bench.server.url}\nkeys = ${bench.maker.publicKey}\n${more}`;

test('what the configuration alone shows', async () => {
  writeFileSync(join(bench.dir, 'not.flatpakrepo'), 'hello');
  writeFileSync(join(bench.dir, 'not.asc'), 'hello');
  const text = `[flatpak-remote-]
url = ${bench.server.url}
[flatpak-remote-nowhere]
apps_add = org.test.Hello
[flatpak-remote-keyless]
url = ${bench.server.url}
apps_add = org.test.Hello
  org.test.Hello/x/1/y
runtimes_add = Nonsense
[flatpak-remote-file]
repo_file = ${join(bench.dir, 'not.flatpakrepo')}
[flatpak-remote-open]
repo_file = http://127.0.0.1:9/x.flatpakrepo
[flatpak-remote-badkey]
url = ${bench.server.url}
keys = ${join(bench.dir, 'not.asc')}
`;
  const errors = await refused(text, 2);
  expect(errors.map(([code]) => code)).toEqual(errors.map(() => 'E_CONFIG'));
  expect(errors.map(([, line, message]) => `${line}: ${message.replace(bench.dir, 'DIR')}`)).toEqual([
    '3: [flatpak-remote-] names no remote',
    '3: The remote  has no public keys: nothing from there could be verified',
    '5: No URL defined for remote nowhere',
    '8: [flatpak-remote-keyless] apps: org.test.Hello/x/1/y has more than two slashes',
    '10: [flatpak-remote-keyless] runtimes: Nonsense does not begin with an id such as org.gnome.Maps',
    '7: The remote keyless has no public keys: nothing from there could be verified',
    '12: [flatpak-remote-file] repo_file names no .flatpakrepo file: DIR/not.flatpakrepo',
    '14: [flatpak-remote-open] repo_file brings its keys over a connection that anyone can alter',
    '17: [flatpak-remote-badkey] keys: DIR/not.asc holds no public key',
  ]);
});

test('what the remote shows', async () => {
  const text = remote(
    'test',
    `apps_add = org.test.Hallo
apps_add_more = org.test.Hello org.test.Renamed
apps_add_extra = org.test.Extra org.test.Beta/${ARCH}/1
exclude = org.test.Platform
runtimes = org.test.Hello
`,
  );
  expect(await refused(text)).toEqual([
    ['E_FLATPAK', 5, 'The remote test has no app org.test.Hallo'],
    ['E_FLATPAK', 7, `The remote test has no app org.test.Beta/${ARCH}/1`],
    ['E_FLATPAK', 9, 'The remote test has no runtime org.test.Hello'],
    [
      'E_FLATPAK',
      7,
      'org.test.Extra has its files sent by HOST, which nobody allowed'.replace(
        'HOST',
        new URL(bench.server.url).host,
      ),
    ],
    ['E_FLATPAK', 6, 'org.test.Renamed has a successor: org.test.Hello'],
    ['E_FLATPAK', 8, 'org.test.Platform is excluded, but would be installed, which org.test.Extra needs'],
  ]);
});

test('a runtime that no remote has', async () => {
  const other = flatpakRepo(join(bench.dir, 'two'), { signer: bench.maker, title: 'No runtime' });
  await other.add(app('org.test.Lonely'));
  bench.server.root = other.dir;
  try {
    const [error] = await refused(remote('test', 'apps = org.test.Lonely\n'));
    expect(error).toEqual([
      ...['E_FLATPAK', 5],
      expect.stringMatching(/org.test.Lonely.* requires the runtime org.test.Platform.* not found/) as string,
    ]);
  } finally {
    bench.server.root = bench.repo.dir;
  }
});

test('keys that did not sign, at one remote, and another that does not answer', async () => {
  const stranger = await makeSigner(bench.dir, 'stranger');
  const text = `${remote('test', 'apps = org.test.Hello\n').replace(bench.maker.publicKey, stranger.publicKey)}
[flatpak-remote-gone]
url = http://127.0.0.1:9
keys = ${bench.maker.publicKey}
`;
  expect(await refused(text, 5)).toEqual([
    ['E_SIGNATURE', 3, `The remote test (${bench.server.url}) is not signed by its keys`],
    ['E_NETWORK', 8, 'The remote gone (http://127.0.0.1:9) cannot be reached, or stopped answering'],
  ]);
});

test('commits that nobody signed though the list is signed', async () => {
  const forged = join(bench.dir, 'forged');
  cpSync(bench.repo.dir, forged, { recursive: true });
  const { stdout: commit } = await execa('ostree', [
    `--repo=${forged}`,
    'rev-parse',
    `app/org.test.Beta/${ARCH}/beta`,
  ]);
  rmSync(join(forged, 'objects', commit.slice(0, 2), `${commit.slice(2)}.commitmeta`));
  bench.server.root = forged;
  try {
    expect(await refused(remote('test', 'apps = org.test.Beta//beta\n'), 5)).toEqual([
      ['E_SIGNATURE', 3, `The remote test (${bench.server.url}) is not signed`],
    ]);
  } finally {
    bench.server.root = bench.repo.dir;
  }
});

test('a remote that dies half-way: what arrived is kept', async () => {
  const text = remote('test', 'apps = org.test.Pieces\n');
  const fetched = () => bench.server.requests.filter((path) => path.endsWith('.filez'));
  bench.server.requests.length = 0;
  bench.server.cutAfter = 45;
  try {
    const [error] = await refused(text);
    expect(error?.[0]).toBe('E_NETWORK');
  } finally {
    bench.server.cutAfter = undefined;
  }
  expect(fetched().length).toBeGreaterThan(0);
  bench.server.requests.length = 0;
  const done = await bench.run(['build']);
  expect(done.exitCode, done.all).toBe(0);
  expect(fetched().length).toBeLessThan(55);
});
