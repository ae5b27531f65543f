/** Layers on a system that is there, as the special tools trees are, while the mirror goes on. */
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FAMILIES } from './support/repos/families.ts';
import { makeKey, type SigningKey } from './support/repos/openpgp.ts';
import { machinePackage, standardPackages, type TestPackage } from './support/repos/packages.ts';
import { requestFor } from './support/repos/requests.ts';
import { inventoryOf, makeSystem, type System } from './support/rootfs.ts';
import { serve, type WebServer } from './support/web-server.ts';

const family = FAMILIES.find(({ name }) => name === 'debian')!;

let dir: string;
let key: SigningKey;
let web: WebServer;

/** A mirror at a time: a library in a version, and a program that needs just this one. */
async function mirror(version: string): Promise<string> {
  const root = join(dir, version);
  const pkg = (name: string, depends: string[]): TestPackage => {
    const entries = [{ path: `usr/bin/${name}`, content: `${version} ${dir}\n` }];
    return { name, version, depends, conflicts: [], entries, script: '' };
  };
  const moving = [pkg('libmoving', ['shell']), pkg('moving', [`libmoving (= ${version})`])];
  await family.repository([...standardPackages(), machinePackage([]), ...moving], root, key);
  return root;
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'osmith-test-'));
  key = await makeKey(dir, 'good');
  web = await serve(await mirror('1.0-2'));
});

afterAll(async () => {
  await web.close();
  await rm(dir, { recursive: true, force: true });
});

const ran = ({ events }: System) =>
  events.flatMap((event) => (event.type === 'step-start' ? event.step : []));
const versions = (system: System) =>
  inventoryOf(system)
    .map(({ name, version }) => `${name} ${version}`)
    .filter((line) => line.includes('moving'));
const layersOf = ({ results }: System, step: string) =>
  results.get(step)!.trees['tree']!.layers.map(({ digest }) => digest);

test('a layer fits the system it is on, whatever the mirror has now', async () => {
  const request = { ...requestFor(family, web, key), extra: [], boots: false, base: ['base', 'libmoving'] };
  const system = await makeSystem(request);
  const base = layersOf(system, 'bootstrap/tree');
  expect(versions(system)).toEqual(['libmoving 1.0-2']);

  // Nothing is lacking: the same tree.
  const nothing = await makeSystem({ ...request, layer: ['libmoving'] });
  expect(layersOf(nothing, 'layer/tree')).toEqual(base);

  web.root = await mirror('1.0-1');
  await expect(makeSystem({ ...request, layer: ['moving', 'extra'] })).rejects.toMatchObject({
    code: 'E_PACKAGE_MISSING',
    message: 'layer/resolve: Debian trixie has libmoving 1.0-1 only, which is older than what is installed',
    details: { hint: expect.stringContaining('osmith build --refresh') as string },
  });

  web.root = await mirror('1.0-3');
  const layer = ['moving', 'extra'];
  const asked = web.requests.length;
  const moved = await makeSystem({ ...request, layer });
  expect(versions(moved)).toEqual(['libmoving 1.0-3', 'moving 1.0-3']);
  expect(layersOf(moved, 'layer/tree').slice(0, -1)).toEqual(base);
  expect(ran(moved)).toEqual(['layer/resolve', 'layer/fetch', 'layer/tree', 'inventory']);
  // Nothing but what the system lacks is fetched; some of it is in the store.
  const fetched = web.requests.slice(asked).flatMap((path) => /([^/_]*)_[^/]*\.deb$/.exec(path)?.[1] ?? []);
  expect(['extra', 'libextra', 'libmoving', 'moving']).toEqual(expect.arrayContaining(fetched));

  // Nothing of it runs again, and what is made again is the same.
  expect(ran(await makeSystem({ ...request, layer }))).toEqual([]);
  const second = await makeSystem({ ...request, layer }, ({ id }) => id.startsWith('layer/'));
  expect(layersOf(second, 'layer/tree')).toEqual(layersOf(moved, 'layer/tree'));
});
