/** Systems of another architecture than this machine's, for each distribution that has one: only scripts are emulated. */
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FOREIGN, type Family } from './support/repos/families.ts';
import { askedOf, entriesOf, withTree } from './support/repos/looking.ts';
import { makeKey, type SigningKey } from './support/repos/openpgp.ts';
import { machinePackage, standardPackages } from './support/repos/packages.ts';
import { checkBootFiles, namesOf, requestFor } from './support/repos/requests.ts';
import { debianPackages, inventoryOf, makeSystem } from './support/rootfs.ts';
import { serve, type WebServer } from './support/web-server.ts';

let dir: string;
let key: SigningKey;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'osmith-test-'));
  key = await makeKey(dir, 'good');
});

afterAll(() => rm(dir, { recursive: true, force: true }));

describe.each(FOREIGN)('$name', (family: Family) => {
  let web: WebServer;
  afterAll(() => web?.close());

  test('is made, its scripts by emulation', async () => {
    const file = (await debianPackages(['busybox-static'], 'arm64')).get('busybox-static')!;
    await execa('dpkg-deb', ['-x', file, join(dir, 'arm64')]);
    const packages = standardPackages(join(dir, 'arm64/usr/bin/busybox'));
    const root = join(dir, `${family.name}-good`);
    await family.repository([...packages, machinePackage(Object.values(family.boot ?? {}))], root, key);
    web = await serve(root);
    const system = await makeSystem(requestFor(family, web, key));
    const found = Object.keys(await withTree(system, 'refine/packages', entriesOf));
    expect(found).toEqual(expect.arrayContaining(['etc/scripted', 'etc/extra']));
    checkBootFiles(family, system);
    const listed = inventoryOf(system);
    expect(listed.map(({ name }) => name)).toEqual(namesOf(family));
    expect(new Set(listed.map(({ arch }) => arch))).toEqual(new Set(['aarch64']));
    const asked = await withTree(system, 'refine/packages', (tar) => askedOf(family, tar));
    expect(asked).toEqual(listed.map(({ name, version }) => `${name} ${version}`));
  });

  test('another list of packages downloads none again', async () => {
    const before = web.requests.length;
    const other = { boots: false, extra: ['extra'], unpacking: { scripts: false } };
    await makeSystem({ ...requestFor(family, web, key), ...other });
    const asked = web.requests.slice(before);
    expect(asked.some((path) => path.endsWith('repomd.xml'))).toBe(true);
    expect(asked.filter((path) => path.endsWith('.rpm'))).toEqual([]);
  });
});
