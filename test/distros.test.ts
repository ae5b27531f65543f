/**
 * What every distribution's adapter must do, whatever the family: systems out of a small signed repository, made here
 * with the family's own tools.
 */
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { OsmithError } from '../src/errors.ts';
import { FAMILIES, type Family } from './support/repos/families.ts';
import { makeKey, type SigningKey } from './support/repos/openpgp.ts';
import { CAPABILITY, standardPackages } from './support/repos/packages.ts';
import { REPO } from './support/osmith.ts';
import { makeSystem, treeTar, type System, type SystemRequest } from './support/rootfs.ts';
import { serve, type WebServer } from './support/web-server.ts';

interface Entry {
  mode: string;
  owner: [number, number];
  xattrs: Record<string, string>;
  content?: [number, string];
  target?: string;
}

let dir: string;
let key: SigningKey;
let stranger: SigningKey;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'osmith-test-'));
  key = await makeKey(dir, 'good');
  stranger = await makeKey(dir, 'stranger');
});

afterAll(() => rm(dir, { recursive: true, force: true }));

/** A tar as an independent program reads it. */
async function entriesOf(file: string): Promise<Record<string, Entry>> {
  const { stdout } = await execa('python3', [join(REPO, 'test/support/tree.py'), 'tar', file]);
  return JSON.parse(stdout) as Record<string, Entry>;
}

describe.each(FAMILIES)('$name', (family: Family) => {
  let web: WebServer;
  let request: SystemRequest;
  let system: System;
  let entries: Record<string, Entry>;

  const keyringOf = (which: SigningKey) => family.keyring?.(which) ?? which.public;
  const make = (more: Partial<SystemRequest> = {}) => makeSystem({ ...request, ...more });
  const failure = (more: Partial<SystemRequest>) =>
    make(more).then(
      () => 'it works',
      (error: unknown) => `${(error as OsmithError).code} ${(error as OsmithError).message}`,
    );
  /** A further repository, such as a bad one. */
  const other = async (name: string, signer?: SigningKey) => {
    const root = join(dir, `${family.name}-${name}`);
    await family.repository(standardPackages(), root, signer);
    return root;
  };

  beforeAll(async () => {
    web = await serve(await other('good', key));
    const { branch, distro, suite, components } = family;
    request = {
      branch,
      distro,
      suite,
      components,
      mirror: web.url,
      keyring: keyringOf(key),
      base: ['base'],
      extra: ['extra'],
    };
    system = await make();
    const file = await treeTar(system, 'refine/packages');
    entries = await entriesOf(file);
    await rm(dirname(file), { recursive: true });
  });

  afterAll(() => web.close());

  test('exact owners, modes, links and extended attributes', () => {
    const like = (mode: string, owner = 0) => ({ mode, owner: [owner, owner] });
    expect(entries['usr/bin/become']).toMatchObject(like('0o4755'));
    expect(entries['var/lib/special']).toMatchObject(like('0o2770', 33));
    expect(entries['var/lib/special/data']).toMatchObject(like('0o640', 33));
    expect(entries['etc/shadow']).toMatchObject(like('0o600'));
    expect(entries['root']).toMatchObject(like('0o700'));
    expect(entries['tmp']).toMatchObject(like('0o1777'));
    expect(entries['proc']).toMatchObject(like('0o555'));
    expect(entries['bin']).toMatchObject({ target: 'usr/bin' });
    expect(entries['var/lib/special/link']).toMatchObject({ target: '../nowhere' });
    const value = entries['usr/bin/knock']!.xattrs['security.capability'];
    expect(Buffer.from(value!, 'base64')).toEqual(CAPABILITY);
    expect(entries['var/lib/special/two']!.content).toEqual(entries['var/lib/special/one']!.content);
  });

  test('scripts ran, inside, with the kernel in place', () => {
    expect(Object.keys(entries)).toEqual(expect.arrayContaining(['etc/scripted', 'etc/extra']));
  });

  test('no leftovers: identity, keys, logs, caches, what was mounted', () => {
    const left = Object.keys(entries).filter((path) =>
      /^(?:etc\/ssh\/|var\/log\/|var\/cache\/.*\/.*\.|(?:proc|sys|dev|tmp|run)\/|etc\/(?:resolv.conf|hostname)$)/.test(
        path,
      ),
    );
    expect(left).toEqual([]);
    expect(entries['etc/machine-id']!.content![0]).toBe(0);
  });

  test("the inventory is the package manager's own", async () => {
    const { files } = system.results.get('inventory')!;
    const digest = files['packages']!.digest;
    const blob = join(system.store.dir, 'blobs/sha256', digest.slice(0, 2), digest);
    const listed = JSON.parse(readFileSync(blob, 'utf8')) as { name: string; version: string }[];
    const lines = listed.map(({ name, version }) => `${name} ${version}`);
    const names = ['base', 'extra', 'filesystem', 'libextra', 'scripted', 'shell', 'special'];
    expect(listed.map(({ name }) => name)).toEqual(names);
    const version = '2:0.9~rc1-1';
    expect(lines).toContain(`libextra ${family.version?.(version) ?? version}`);
    const file = await treeTar(system, 'refine/packages');
    const root = join(dirname(file), 'root');
    await execa('sh', [
      '-c',
      'mkdir "$1" && tar -x -f "$2" -C "$1" --exclude=./dev --exclude=dev',
      'sh',
      root,
      file,
    ]);
    expect((await family.query(root)).sort()).toEqual(lines);
    await rm(dirname(file), { recursive: true });
  });

  test('the same again, and without a network once it was fetched', async () => {
    const asked = web.requests.length;
    const own = ['bootstrap/tree', 'refine/packages'];
    const second = await makeSystem(request, ({ id }) => own.includes(id));
    expect(web.requests.slice(asked)).toEqual([]);
    for (const step of own) {
      expect(second.results.get(step)!.trees).toEqual(system.results.get(step)!.trees);
    }
  });

  test('what is not to be unpacked is not there, and scripts can be left out', async () => {
    const made = await make({ unpacking: { scripts: false, noExtract: [family.documentation] } });
    const file = await treeTar(made, 'refine/packages');
    const found = await entriesOf(file);
    await rm(dirname(file), { recursive: true });
    expect(Object.keys(found)).toContain('usr/bin/extra');
    expect(
      Object.keys(found).filter((path) =>
        /^usr\/share\/doc\/|^etc\/(?:extra|scripted|machine-id)$/.test(path),
      ),
    ).toEqual([]);
  });

  test.each([
    [['nosuch'], /^E_PACKAGE_MISSING .*nosuch/],
    [['lonely'], /^E_PACKAGE_MISSING .*lonely cannot be installed: it depends on nowhere/],
    [
      ['quarrel-one', 'quarrel-two'],
      /^E_PACKAGE_MISSING .*quarrel-\w+ and quarrel-\w+ cannot be installed together/,
    ],
    [['broken'], /^E_TOOL .*[Ss]cript of .* failed/],
  ])('%s: one clear error', async (base, message) => {
    expect(await failure({ base: ['base', ...base], extra: [] })).toMatch(message);
  });

  test('a package that is not the one that the index names', async () => {
    const root = join(dir, `${family.name}-altered`);
    const content = `only in this run: ${dir}`;
    const entries = [{ path: 'unique', content }];
    const unique = { name: 'unique', version: '1-1', depends: [], conflicts: [], script: '', entries };
    await family.repository([unique], root, key);
    const names = readdirSync(root, { recursive: true, encoding: 'utf8' });
    const file = join(
      root,
      names.find((name) => /unique-.*\.(?:zst|rpm|apk)$/.test(name))!,
    );
    const bytes = readFileSync(file);
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(file, bytes);
    const good = web.root;
    web.root = root;
    expect(await failure({ base: ['unique'], extra: [] })).toMatch(
      /^E_SIGNATURE .*is not the file that the signed index names/,
    );
    web.root = good;
  });

  test('another key', async () => {
    expect(await failure({ keyring: keyringOf(stranger) })).toMatch(
      /^E_SIGNATURE .*not signed by a trusted key/,
    );
  });

  test('a repository that nobody signed', async () => {
    const good = web.root;
    web.root = await other('unsigned');
    expect(await failure({ base: ['special', 'shell'] })).toMatch(/^E_SIGNATURE /);
    web.root = good;
  });

  test('a key that has expired', async ({ skip }) => {
    if (family.timeless) skip();
    const expired = await makeKey(dir, `expired-${family.name}`, true);
    const good = web.root;
    web.root = await other('expired', expired);
    expect(await failure({ keyring: keyringOf(expired) })).toMatch(/^E_SIGNATURE /);
    web.root = good;
  });
});
