/**
 * What every distribution's adapter must do, whatever the family: systems out of a small signed repository, made here
 * with the family's own tools. The families go on side by side, the checks of one after each other.
 */
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { OsmithError } from '../src/errors.ts';
import { Conformance } from './support/repos/conformance.ts';
import { FAMILIES, type Family } from './support/repos/families.ts';
import { askedOf, billedIn, entriesOf, withTree, type Entry } from './support/repos/looking.ts';
import { LONG } from './support/long.ts';
import { makeKey, type SigningKey } from './support/repos/openpgp.ts';
import {
  CAPABILITY,
  machinePackage,
  standardPackages,
  uniquePackage,
  type TestPackage,
} from './support/repos/packages.ts';
import { checkBootFiles, keyringOf, namesOf, requestFor } from './support/repos/requests.ts';
import { REPO } from './support/osmith.ts';
import { inventoryOf, makeSystem, type System, type SystemRequest } from './support/rootfs.ts';
import { serve, type WebServer } from './support/web-server.ts';

const PACKAGE = /unique[-_].*\.(?:zst|rpm|deb|apk)$/;
const conformance = new Conformance();

let dir: string;
let key: SigningKey;
let stranger: SigningKey;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'osmith-test-'));
  key = await makeKey(dir, 'good');
  stranger = await makeKey(dir, 'stranger');
});

afterAll(() => rm(dir, { recursive: true, force: true }));

function alter(file: string): void {
  const bytes = readFileSync(file);
  bytes[bytes.length >> 1]! ^= 1;
  writeFileSync(file, bytes);
}

function findIn(root: string, pattern: RegExp): string {
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' });
  return join(
    root,
    names.find((name) => pattern.test(name))!,
  );
}

/** Of each package manager one. */
const SHORT = ['alpine', 'arch', 'debian', 'fedora'];
const families = FAMILIES.filter(({ name }) => LONG || SHORT.includes(name));

describe.concurrent.each(families)('$name', (family: Family) => {
  describe.sequential('adapter', () => {
    let web: WebServer;
    let request: SystemRequest;
    let system: System;
    let entries: Record<string, Entry>;

    const make = (more: Partial<SystemRequest> = {}) => makeSystem({ ...request, boots: false, ...more });
    const failure = (more: Partial<SystemRequest>) =>
      make({ extra: [], ...more }).then(
        () => 'it works',
        (error: unknown) => `${(error as OsmithError).code} ${(error as OsmithError).message}`,
      );
    const packages = () => [...standardPackages(), machinePackage(Object.values(family.boot ?? {}))];
    /** What is not so with a distribution: its page says why. */
    const notHere = (check: string, skip: () => never) => {
      conformance.add(check, family.name, 'skip');
      skip();
    };
    /** A further repository, such as a bad one. */
    const other = async (name: string, signer?: SigningKey, held: TestPackage[] = packages()) => {
      const root = join(dir, `${family.name}-${name}`);
      await family.repository(held, root, signer);
      return root;
    };
    /** What comes of a system out of another repository. */
    const failureOf = async (root: string, more: Partial<SystemRequest> = {}) => {
      const good = web.root;
      web.root = root;
      try {
        return await failure(more);
      } finally {
        web.root = good;
      }
    };
    /** The same where only half of what matches is sent. */
    const halved = async (what: RegExp, root: string, more: Partial<SystemRequest> = {}) => {
      web.halve = what;
      try {
        return await failureOf(root, more);
      } finally {
        web.halve = undefined;
      }
    };
    /** A repository with a package that no store has. */
    const fresh = (name: string) =>
      other(name, key, [...packages(), uniquePackage(`only for ${name} in ${dir}`)]);

    beforeAll(async () => {
      web = await serve(await other('good', key));
      request = requestFor(family, web, key);
      system = await makeSystem(request);
      entries = await withTree(system, 'refine/packages', entriesOf);
    });

    afterEach(({ task }) => conformance.add(task.name, family.name, task.result?.state));
    afterAll(() => web?.close());

    test('exact owners, modes, links and extended attributes', () => {
      const like = (mode: string, owner = 0) => ({ mode, owner: [owner, owner] });
      expect(entries['usr/bin/become']).toMatchObject(like('0o4755'));
      expect(entries['var/lib/special']).toMatchObject(like('0o2770', 33));
      expect(entries['var/lib/special/data']).toMatchObject(like('0o640', 33));
      expect(entries['etc/shadow']).toMatchObject(like('0o600'));
      expect(entries['root']).toMatchObject(like('0o700'));
      expect(entries['tmp']).toMatchObject(like('0o1777'));
      expect(entries['bin']).toMatchObject({ target: 'usr/bin' });
      expect(entries['var/lib/special/link']).toMatchObject({ target: '../nowhere' });
      const value = entries['usr/bin/knock']!.xattrs['security.capability'];
      expect(Buffer.from(value!, 'base64')).toEqual(CAPABILITY);
      expect(entries['var/lib/special/two']!.content).toEqual(entries['var/lib/special/one']!.content);
    });

    test('scripts of packages run inside', () => {
      expect(Object.keys(entries)).toEqual(expect.arrayContaining(['etc/scripted', 'etc/extra']));
    });

    test('clean: no identity, keys, logs, caches, mounts', () => {
      const left = Object.keys(entries).filter((path) =>
        /^(?:etc\/ssh\/|var\/log\/.*\.log|var\/cache\/.*\/.*\.|(?:proc|sys|dev|tmp|run)\/(?!.*lock)|etc\/(?:resolv.conf|hostname)$)/.test(
          path,
        ),
      );
      const devices = left.filter((path) => path.startsWith('dev/') && !entries[path]!.content);
      expect(left).toEqual(family.devices === true ? devices : []);
      expect(entries['etc/machine-id']!.content![0]).toBe(0);
    });

    test("inventory is the package manager's own", async () => {
      const listed = inventoryOf(system);
      const lines = listed.map(({ name, version }) => `${name} ${version}`);
      expect(listed.map(({ name }) => name)).toEqual(namesOf(family));
      const version = '2:0.9~rc1-1';
      expect(lines).toContain(`libextra ${family.version?.(version) ?? version}`);
      const asked = await withTree(system, 'refine/packages', (file) => askedOf(family, file));
      expect(asked).toEqual(lines.sort());
      expect(await withTree(system, 'refine/packages', billedIn)).toEqual(asked);
    });

    test('what boots a machine is found', ({ skip }) => {
      if (family.boot === undefined) notHere('what boots a machine is found', skip);
      checkBootFiles(family, system);
    });

    test('the same bytes again, offline once fetched', async () => {
      const asked = web.requests.length;
      const own = ['bootstrap/tree', 'refine/packages'];
      const second = await makeSystem(request, ({ id }) => own.includes(id));
      expect(web.requests.slice(asked)).toEqual([]);
      for (const step of own) {
        expect(second.results.get(step)!.trees).toEqual(system.results.get(step)!.trees);
      }
    });

    test('paths can be left out', async () => {
      const made = await make({ unpacking: { noExtract: [family.documentation] } });
      const found = Object.keys(await withTree(made, 'refine/packages', entriesOf));
      expect(found).toContain('usr/bin/extra');
      expect(found.filter((path) => path.startsWith('usr/share/doc/'))).toEqual([]);
    });

    test('scripts can be left out, or it says that they cannot', async () => {
      const unpacking = { scripts: false };
      if (!family.scriptless) {
        expect(await failure({ unpacking })).toMatch(/^E_CONFIG .*cannot be installed without their scripts/);
        return;
      }
      const made = await make({ unpacking });
      const found = Object.keys(await withTree(made, 'refine/packages', entriesOf));
      expect(found.filter((path) => /^etc\/(?:extra|scripted|machine-id)$/.test(path))).toEqual([]);
    });

    test.each([
      ['missing package is named', ['nosuch'], /^E_PACKAGE_MISSING .*nosuch/],
      [
        'missing dependency is named',
        ['lonely'],
        /^E_PACKAGE_MISSING .*lonely cannot be installed: it depends on nowhere/,
      ],
      [
        'conflicting packages are named',
        ['quarrel-one', 'quarrel-two'],
        /^E_PACKAGE_MISSING .*quarrel-\w+ and quarrel-\w+ cannot be installed together/,
      ],
      ['failing script is named', ['broken'], /^E_TOOL .*[Ss]cript of broken\S* failed/],
    ])('%s', async (_name, base, message) => {
      expect(await failure({ base: ['base', ...base] })).toMatch(message);
    });

    test('half a package is refused', async () => {
      const root = await fresh('half');
      expect(await halved(PACKAGE, root, { base: ['unique'] })).toMatch(
        /^E_NETWORK .*Cannot download .*unique/,
      );
    });

    test('another package under its name is refused', async () => {
      const root = await fresh('altered');
      alter(findIn(root, PACKAGE));
      expect(await failureOf(root, { base: ['unique'] })).toMatch(
        /^E_SIGNATURE .*unique.* is not the file that the signed index names/,
      );
    });

    test('altered index is refused', async () => {
      const root = await other('index', key);
      alter(findIn(root, family.index));
      // No other check has had the packages of this one, or the next one: nothing is in the store.
      expect(await failureOf(root, { base: ['special', 'libextra'] })).toMatch(/^E_SIGNATURE /);
    });

    test('half an index is refused', async () => {
      const root = await other('half-index', key);
      expect(await halved(family.index, root, { base: ['shell', 'libextra'] })).toMatch(
        /^E_(?:SIGNATURE|NETWORK) /,
      );
    });

    test('another key is refused', async () => {
      expect(await failure({ keyring: keyringOf(family, stranger) })).toMatch(
        /^E_SIGNATURE .*not signed by a trusted key/,
      );
    });

    test('expired key is refused', async ({ skip }) => {
      if (family.timeless) notHere('expired key is refused', skip);
      const expired = await makeKey(dir, `expired-${family.name}`, true);
      const root = await other('expired', expired);
      expect(await failureOf(root, { keyring: keyringOf(family, expired) })).toMatch(/^E_SIGNATURE /);
    });

    test('unsigned repository is refused', async () => {
      expect(await failureOf(await other('unsigned'), { base: ['special', 'shell'] })).toMatch(
        /^E_SIGNATURE /,
      );
    });

    test('unreachable mirror is named', async () => {
      // Port 9 discards, and nobody listens.
      expect(await failure({ mirror: 'http://127.0.0.1:9' })).toMatch(
        /^E_NETWORK .*127\.0\.0\.1(?::9)? cannot be reached/,
      );
    });
  });
});

test('the table in the documentation is what was seen', ({ skip }) => {
  const names = FAMILIES.map(({ name }) => name);
  skip(!conformance.complete(names), 'not all checks ran');
  expect(readFileSync(join(REPO, 'docs/distributions.md'), 'utf8')).toContain(conformance.table(names));
});
