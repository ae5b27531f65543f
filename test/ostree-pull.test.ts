/** Commits out of real repositories, over HTTP: what is taken, what is refused, and servers that die. */
import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { serve, type WebServer } from './support/web-server.ts';
import { describeWith, run, scratch } from '../src/disk/testing.ts';
import type { Store } from '../src/run/store.ts';
import { runStep, type StepRun } from '../src/steps/testing.ts';

const REF = 'os/test/amd64';
const COLLECTION = 'org.example.Os';
/** Enough for a server to die in between. */
const FILES = 300;

/** Keys and a signed repository, and where a test has its copy of the repository. */
let base: string;
let dir: string;
let server: WebServer;
let maker: Buffer;
let commit: string;

function must(argv: string[]): string {
  const { status, stdout, stderr } = run(argv, { cwd: dir, env: { HOME: base, TZ: 'UTC' } });
  expect({ argv, status, stderr }).toMatchObject({ status: 0 });
  return stdout.trim();
}
const ostree = (...args: string[]) => must(['ostree', '--repo=repo', ...args]);

/** A key pair in the directory NAME, valid for a day; the public part. `conf`: options of gpg, also for later. */
function makeKey(name: string, conf = ''): Buffer {
  const home = join(base, name);
  mkdirSync(home, { mode: 0o700 });
  writeFileSync(join(home, 'gpg.conf'), conf);
  const gpg = (...args: string[]) => must(['gpg', '--homedir', home, '--batch', '--quiet', ...args]);
  gpg('--passphrase', '', '--quick-gen-key', `${name}@example.org`, 'ed25519', 'sign', '1d');
  return Buffer.from(gpg('--armor', '--export'));
}

let commits = 1_700_000_000;

/** A new commit, signed by the key in the directory `signer`, if any. */
function makeCommit(signer: string | undefined): string {
  const sign =
    signer === undefined ? [] : [`--gpg-sign=${signer}@example.org`, `--gpg-homedir=${base}/${signer}`];
  const made = ostree(
    'commit',
    `--branch=${REF}`,
    `--tree=dir=${base}/tree`,
    '--parent=none',
    `--timestamp=@${(commits += 1)}`,
    ...sign,
  );
  ostree('summary', '--update', ...sign);
  return made;
}

function params(more: Record<string, string | boolean> = {}) {
  return { url: server.url, mirror: '', ref: REF, gpgVerify: true, p2p: true, ...more };
}

/** Finds the commit, and fetches it. */
async function resolve(keys: Buffer, more: Record<string, string | boolean> = {}): Promise<StepRun> {
  return runStep('ostree-resolve', params(more), { keys }, { network: true });
}
async function pull(
  keys: Buffer,
  { store, result }: { store: Store; result: StepRun['result'] },
): Promise<StepRun> {
  const commit = { result, output: 'commit' };
  return runStep('ostree-pull', params(), { keys, commit }, { network: true, store });
}

const contents = () => server.requests.filter((path) => path.endsWith('.filez')).length;

describeWith(['ostree', 'gpg'], 'a commit that is pulled', () => {
  beforeAll(() => {
    base = mkdtempSync(join(tmpdir(), 'osmith-test-'));
    dir = base;
    maker = makeKey('maker');
    mkdirSync(join(base, 'tree'));
    for (let n = 0; n < FILES; n += 1) writeFileSync(join(base, 'tree', String(n)), `file ${n}`);
    ostree('init', '--mode=archive', `--collection-id=${COLLECTION}`);
    commit = makeCommit('maker');
  });
  afterAll(() => rmSync(base, { recursive: true, force: true }));
  beforeEach(async () => {
    dir = scratch();
    cpSync(join(base, 'repo'), join(dir, 'repo'), { recursive: true });
    server = await serve(join(dir, 'repo'));
  });
  afterEach(() => server.close());

  it('is the one that the key signed, with its collection and the signed summary; again it costs nothing', async () => {
    const found = await resolve(maker);
    const metadata = ostree('rev-parse', 'ostree-metadata');
    expect(found.facts).toEqual({ commit, ref: REF, collectionId: COLLECTION, metadata });
    const { result, facts } = await pull(maker, found);
    expect(facts).toEqual({ commit, ref: REF, collectionId: COLLECTION });
    expect(result.trees['repo']!.layers.length).toBe(1);
    expect(contents()).toBe(FILES);
    server.requests.length = 0;
    await pull(maker, found);
    expect(contents()).toBe(0);
  });

  it('comes from the mirror, in place of a server that cannot be reached', async () => {
    const found = await resolve(maker, { url: 'http://os.example.invalid/repo', mirror: server.url });
    expect(found.facts['collectionId']).toBe(COLLECTION);
  });

  it('has no collection where the repository has none, or none is wanted', async () => {
    ostree('config', 'unset', 'core.collection-id');
    makeCommit('maker');
    expect((await resolve(maker)).facts).toMatchObject({ collectionId: '', metadata: '' });
    rmSync(join(dir, 'repo/summary'));
    expect((await resolve(maker)).facts).toMatchObject({ collectionId: '', metadata: '' });
  });

  it('that belongs to another collection than the unsigned summary says is refused', async () => {
    ostree('config', 'set', 'core.collection-id', 'org.example.Other');
    ostree('summary', '--update');
    await expect(resolve(maker)).rejects.toMatchObject({
      code: 'E_SIGNATURE',
      message: expect.stringContaining(
        `The summary of ${server.url} says the collection org.example.Other, the commit says ${COLLECTION}`,
      ) as string,
    });
    expect((await resolve(maker, { p2p: false })).facts['collectionId']).toBe('');
  });

  /** Makes the commit, and gives the keys that are to have signed it. */
  const signers: [string, () => Buffer, RegExp][] = [
    ['nobody', () => (makeCommit(undefined), maker), / is not signed$/],
    [
      'a key that is not ours',
      () => (makeKey('stranger'), makeCommit('stranger'), maker),
      / is not signed by a key of ostree\.keys/,
    ],
    [
      'a key of ours that has expired since',
      () => {
        const keys = makeKey('expired', 'faked-system-time 20200101T000000\n');
        makeCommit('expired');
        return keys;
      },
      / is not signed by a key of ostree\.keys/,
    ],
  ];
  it.each(signers)('that %s signed is refused', async (_, make, why) => {
    await expect(resolve(make())).rejects.toMatchObject({
      ...{ code: 'E_SIGNATURE', message: expect.stringMatching(why) as string },
    });
  });

  it('must exist: the error names the branches that do', async () => {
    await expect(resolve(maker, { ref: 'os/tset/amd64' })).rejects.toMatchObject({
      code: 'E_OSTREE_REF',
      message: expect.stringContaining(`${server.url} has no branch os/tset/amd64`) as string,
      details: { hint: `Did you mean ${REF}? It has ${REF}, ostree-metadata` },
    });
  });

  it('is handed on with a delta from nothing, which is all of it', async () => {
    const { result, store } = await pull(maker, await resolve(maker));
    const published = await runStep(
      'ostree-publish',
      { signingKey: '', previous: false, refDeploy: REF, scratchDelta: true },
      { repo: { result, output: 'repo' } },
      { store },
    );
    const tree = { result: published.result, output: 'repo' };
    const { files } = await runStep('archive', { what: 'it' }, { tree }, { store });
    must(['tar', '-x', '-f', Object.values(files)[0]!]);
    const [superblock] = must(['find', 'deltas', '-name', 'superblock']).split('\n');
    must(['ostree', '--repo=machine', 'init', '--mode=bare-user']);
    must(['ostree', '--repo=machine', 'static-delta', 'apply-offline', dirname(superblock!)]);
    must(['ostree', '--repo=machine', 'fsck', '-q']);
    const names = must(['ostree', '--repo=machine', 'ls', '--nul-filenames-only', commit]).split('\0');
    expect(names.length).toBeGreaterThan(FILES);
  });

  it('is refused when the server alters a file', async () => {
    const found = await resolve(maker);
    // Whole objects, each in the place of the other.
    const [one, two] = ['/7', '/8'].map((file) => {
      const checksum = /([0-9a-f]{64}) \/\d$/.exec(ostree('ls', '-C', REF, file))![1]!;
      return join(dir, 'repo/objects', checksum.slice(0, 2), `${checksum.slice(2)}.filez`);
    }) as [string, string];
    renameSync(one, join(dir, 'aside'));
    renameSync(two, one);
    renameSync(join(dir, 'aside'), two);
    await expect(pull(maker, found)).rejects.toMatchObject({
      code: 'E_SIGNATURE',
      message: expect.stringContaining(
        `${server.url} sends files that are not those of the commit`,
      ) as string,
    });
  });

  it('survives a server that dies in the middle and comes back', async () => {
    const found = await resolve(maker);
    server.requests.length = 0;
    server.cutAfter = 200;
    const revived = setInterval(() => {
      if (server.requests.length > 202) server.cutAfter = undefined;
    }, 20);
    const { facts } = await pull(maker, found);
    clearInterval(revived);
    expect(facts['commit']).toBe(found.facts['commit']);
    expect(server.cutAfter).toBeUndefined();
    // What had arrived was not fetched again.
    expect(contents()).toBeLessThan(FILES + 100);
  });

  it('is fetched to its end by the next build, when the server stayed away', async () => {
    const found = await resolve(maker);
    server.requests.length = 0;
    server.cutAfter = 200;
    await expect(pull(maker, found)).rejects.toMatchObject({
      code: 'E_NETWORK',
      message: expect.stringContaining(`${server.url} cannot be reached, or stopped answering`) as string,
    });
    server.cutAfter = undefined;
    server.requests.length = 0;
    await pull(maker, found);
    expect(contents()).toBeLessThan(FILES - 100);
  });
});
