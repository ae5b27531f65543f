/** Compositions by the real command: out of an older tar, with images as volumes, bills of materials, URLs. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { layerTar, writeLayout, type TestImage } from '../src/oci/testing.ts';
import { app, BILL, IMAGES, KERNEL, SYSTEM } from './support/compose-images.ts';
import { osmith, type Finished } from './support/osmith.ts';
import { readTar, type Row } from './support/tar.ts';

let dir = '';
let server: Server;
let url = '';

async function compose(args: string[], store = 'store'): Promise<Finished> {
  const env = { OSMITH_STORE: join(dir, store) };
  return osmith(['compose', '--layout', 'layout', '--arch', 'amd64', ...args], { cwd: dir, env });
}

async function composed(file: string, text: string, args: string[], store?: string): Promise<Row[]> {
  writeFileSync(join(dir, `${file}.yml`), text);
  const done = await compose([`${file}.yml`, '--output', `${file}.tar`, ...args], store);
  expect(done.exitCode, done.all).toBe(0);
  return readTar(join(dir, `${file}.tar`));
}

function bytes(name: string): Buffer {
  return readFileSync(join(dir, name));
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'osmith-reuse-'));
  writeLayout(join(dir, 'layout'), IMAGES);
  server = createServer((request, response) => {
    if (request.url !== '/systems/web.yml') response.statusCode = 404;
    response.end(SYSTEM);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/systems/web.yml`;
  await composed('base', SYSTEM, []);
});

afterAll(() => {
  server.close();
  rmSync(dir, { recursive: true, force: true });
});

interface Spdx {
  packages: {
    SPDXID: string;
    name: string;
    versionInfo: string;
    licenseDeclared: string;
    packageFileName: string;
  }[];
  files: { SPDXID: string; fileName: string }[];
  relationships: { spdxElementId: string; relationshipType: string; relatedSpdxElement: string }[];
  hasExtractedLicensingInfos: { licenseId: string }[];
}

test('one bill of materials: what images attest and what they have installed, every id once', () => {
  const rows = readTar(join(dir, 'base.tar'));
  const bill = JSON.parse(rows.at(-1)!.data) as Spdx;
  const ids = [...bill.packages, ...bill.files].map(({ SPDXID }) => SPDXID);
  expect(new Set(ids).size).toBe(ids.length);
  for (const { spdxElementId, relatedSpdxElement } of bill.relationships) {
    expect(['SPDXRef-DOCUMENT', ...ids]).toContain(spdxElementId);
    expect(ids).toContain(relatedSpdxElement);
  }
  const named = (name: string) => bill.packages.filter((each) => each.name === name);
  expect(named('bash')).toMatchObject([
    {
      versionInfo: '5.2-1',
      sourceInfo: 'built from bash-src 5.2',
      externalRefs: [{ referenceLocator: 'pkg:deb/debian/bash@5.2-1?arch=amd64&distro=debian-12' }],
    },
  ]);
  expect(named('gone')).toEqual([]);
  expect(named('linux-image-6.1')).toHaveLength(1);
  // The volume, the first container and the one whose image has another name; the service shares the first one's.
  expect(bill.files.map(({ fileName }) => fileName)).toEqual([
    'containers/volumes/data/lower/app',
    'containers/onboot/000-first/lower/app',
    'containers/onboot/001-second/lower/app',
  ]);
  expect(named('app').map(({ packageFileName }) => packageFileName)).toEqual(
    bill.files.map(({ fileName }) => fileName),
  );
  const licenses = bill.hasExtractedLicensingInfos.map(({ licenseId }) => licenseId);
  expect(new Set(licenses).size).toBe(3);
  expect(named('app').map(({ licenseDeclared }) => licenseDeclared)).toEqual(
    licenses.map((license) => `MIT OR ${license}`),
  );
});

test('another store gives the same bytes; no bill, or one as CycloneDX under another name', async () => {
  await composed('again', SYSTEM, [], 'store2');
  expect(bytes('again.tar').equals(bytes('base.tar'))).toBe(true);
  const none = await composed('none', SYSTEM, ['--no-sbom']);
  expect(none.map(({ name }) => name)).not.toContain('sbom.spdx.json');
  const other = await composed('other', SYSTEM, ['--sbom-output', 'etc/bill.cdx.json']);
  expect(other.at(-1)!.name).toBe('etc/bill.cdx.json');
  expect(JSON.parse(other.at(-1)!.data)).toMatchObject({ bomFormat: 'CycloneDX', specVersion: '1.6' });
});

test('an older tar in place of layers: the same bytes as without it, whatever changed', async () => {
  copyFileSync(join(dir, 'base.tar'), join(dir, 'old.tar'));
  const changed = SYSTEM.replace('cmdline: one', 'cmdline: two')
    .replace('  - {name: first, image: test/app:1}\n', '')
    .replace('name: data, image: test/app:1', 'name: data, image: test/app:1, readonly: true')
    .replace('binds:', 'env: [A=b], binds:');
  for (const text of [SYSTEM, changed]) {
    await composed('full', text, []);
    await composed('reused', text, ['--input-tar', 'old.tar'], 'store3');
    expect(bytes('reused.tar').equals(bytes('full.tar'))).toBe(true);
  }
  // The first container is gone, so the service has the files itself now.
  const rows = readTar(join(dir, 'reused.tar')).map(({ name }) => name);
  expect(rows).toContain('containers/services/svc/lower/app');
});

test('layers that the older tar has are not fetched; those of an image that has changed are', async () => {
  copyFileSync(join(dir, 'base.tar'), join(dir, 'old.tar'));
  const text = 'init: [test/init:1]\n';
  const { layers } = JSON.parse(readBlob('docker.io/test/init:1')) as { layers: { digest: string }[] };
  const layer = join(dir, 'layout/blobs/sha256', layers[0]!.digest.slice(7));
  const saved = readFileSync(layer);
  rmSync(layer);
  try {
    await composed('less', text, ['--input-tar', 'old.tar'], 'store4');
    writeFileSync(join(dir, 'less2.yml'), text);
    const without = await compose(['less2.yml', '--output', 'less2.tar'], 'store4');
    expect(without.all).toMatch(/The image layout layout lacks sha256:/);
  } finally {
    writeFileSync(layer, saved);
  }
  writeLayout(join(dir, 'layout'), [...IMAGES.filter(({ name }) => !name.includes('app')), app('newer')]);
  try {
    const rows = await composed('newer', SYSTEM, ['--input-tar', 'old.tar'], 'store5');
    expect(rows.find(({ name }) => name.endsWith('000-first/lower/app'))?.data).toBe('newer');
  } finally {
    writeLayout(join(dir, 'layout'), IMAGES);
  }
});

/** The manifest of an image in the layout. */
function readBlob(name: string): string {
  const { manifests } = JSON.parse(readFileSync(join(dir, 'layout/index.json'), 'utf8')) as {
    manifests: { digest: string; annotations: Record<string, string> }[];
  };
  const entry = manifests.find((each) => each.annotations['org.opencontainers.image.ref.name'] === name)!;
  return readFileSync(join(dir, 'layout/blobs/sha256', entry.digest.slice(7)), 'utf8');
}

test('an older tar that is the output, or none, is refused and stays', async () => {
  copyFileSync(join(dir, 'base.tar'), join(dir, 'old.tar'));
  const before = bytes('old.tar');
  const same = await compose(['base.yml', '--input-tar', './old.tar', '--output', 'old.tar']);
  expect(same.all).toMatch(/error\[E_USAGE\]: --input-tar and the output cannot be the same file/);
  expect(same.exitCode).toBe(2);
  expect(bytes('old.tar').equals(before)).toBe(true);
  const both = await compose(['base.yml', '--input-tar', 'old.tar', '--pull', '--output', 'x.tar']);
  expect(both.all).toMatch(/exclude each other/);
  writeFileSync(join(dir, 'bare.tar'), layerTar([{ name: 'a' }]));
  const bare = await compose(['base.yml', '--input-tar', 'bare.tar', '--output', 'x.tar']);
  expect(bare.all).toMatch(/nothing in it says which image it comes from/);
  const text = await compose(['base.yml', '--input-tar', 'base.yml', '--output', 'x.tar']);
  expect(text.all).toMatch(/base\.yml cannot be used as --input-tar/);
  const missing = await compose(['base.yml', '--input-tar', 'nothing.tar', '--output', 'x.tar']);
  expect(missing.all).toMatch(/Cannot read nothing\.tar/);
  expect(existsSync(join(dir, 'x.tar'))).toBe(false);
});

test('a volume of images: a layout of all platforms, or of those that are named', async () => {
  const part = (rows: Row[], name: string) =>
    rows.find((row) => row.name === `containers/volumes/images/lower/${name}`);
  const check = (rows: Row[], platforms: string[]) => {
    expect(JSON.parse(part(rows, 'oci-layout')!.data)).toEqual({ imageLayoutVersion: '1.0.0' });
    for (const { name, data } of rows.filter((row) => row.name.includes('/sha256/'))) {
      expect(createHash('sha256').update(Buffer.from(data, 'latin1')).digest('hex')).toBe(name.slice(-64));
    }
    const { manifests } = JSON.parse(part(rows, 'index.json')!.data) as {
      manifests: { digest: string; annotations: Record<string, string> }[];
    };
    expect(manifests[0]!.annotations).toEqual({
      'org.opencontainers.image.ref.name': 'docker.io/test/many:1',
    });
    const index = JSON.parse(part(rows, `blobs/sha256/${manifests[0]!.digest.slice(7)}`)!.data) as {
      manifests: { platform: { architecture: string } }[];
    };
    expect(index.manifests.map(({ platform }) => platform.architecture)).toEqual(platforms);
  };
  check(readTar(join(dir, 'base.tar')), ['amd64', 'arm64']);
  const one = SYSTEM.replace('format: oci', 'format: oci, platforms: [linux/arm64]');
  check(await composed('one', one, []), ['arm64']);
  writeFileSync(join(dir, 'two.yml'), SYSTEM.replace('format: oci', 'format: oci, platforms: [linux/s390x]'));
  const lacking = await compose(['two.yml', '--output', 'two.tar']);
  expect(lacking.all).toMatch(/does not contain the target platforms linux\/s390x[\s\S]*two\.yml:6/);
});

test('a kernel without its compression, and one that cannot be had so', async () => {
  const kernel = (rows: Row[]) => rows.find(({ name }) => name === 'boot/kernel')!;
  const plain = kernel(await composed('plain', SYSTEM, ['--decompress-kernel']));
  expect(plain.data).toBe(KERNEL.toString('latin1'));
  expect(plain.mode).toBe('0o755');
  writeFileSync(join(dir, 'raw.yml'), 'kernel: {image: test/kernel:1, tar: none, binary: other}\n');
  const raw = await compose(['raw.yml', '--decompress-kernel', '--output', 'raw.tar']);
  expect(raw.all).toMatch(
    /error\[E_IMAGE\]: .*The kernel of docker\.io\/test\/kernel:1 cannot be decompressed: it is neither/,
  );
});

test('kernel, initrd, command line and microcode in one tar', async () => {
  const text = SYSTEM.replace('cmdline: one', 'cmdline: one, ucode: ucode.cpio');
  writeFileSync(join(dir, 'ucode.yml'), text);
  const done = await compose(['ucode.yml', '--format', 'tar-kernel-initrd', '--output', 'out']);
  expect(done.exitCode, done.all).toBe(0);
  const rows = readTar(join(dir, 'out-initrd.tar'));
  expect(rows.map(({ name }) => name)).toEqual(['kernel', 'initrd.img', 'cmdline', 'ucode.cpio']);
  expect(rows[1]!.data.slice(0, 2)).toBe('\x1f\x8b');
  expect(rows[3]!.data).toBe('UCODE');
});

test('a description from a URL, and from one that is not there', async () => {
  const there = await compose([url, '--dry-run']);
  expect(there.exitCode, there.all).toBe(0);
  expect(there.all).toContain('image: docker.io/test/kernel:1');
  await compose([url, '--format', 'tar']);
  expect(bytes('web.tar').equals(bytes('base.tar'))).toBe(true);
  const gone = await compose([`${url}.gone`, '--dry-run']);
  expect(gone.all).toMatch(/error\[E_NETWORK\]: Cannot get .*web\.yml\.gone: .* answers 404/);
});

test.each<[string, Partial<TestImage>, RegExp]>([
  ['two bills', { bills: [BILL, BILL] }, /has 2 software bills of materials/],
  [
    'a bill of another kind',
    { bills: [{ ...BILL, spdxVersion: 'SPDX-3.0' }] },
    /spdxVersion: must be a version 2/,
  ],
  [
    'a list of packages that is none',
    { bills: [], layers: [layerTar([{ name: 'var/lib/rpm/rpmdb.sqlite', content: 'no database' }])] },
    /The list of packages of docker.io\/test\/bad:1 cannot be read/,
  ],
])('%s: one error, and --no-sbom helps', async (_what, image, message) => {
  writeLayout(join(dir, 'bad'), [{ ...app('x'), ...image, name: 'docker.io/test/bad:1' }]);
  writeFileSync(join(dir, 'bad.yml'), 'init: [test/bad:1]\n');
  const args = ['bad.yml', '--layout', 'bad', '--output', 'bad.tar'];
  const done = await compose(args);
  expect(done.all).toMatch(message);
  expect(done.exitCode).toBe(1);
  expect((await compose([...args, '--no-sbom'])).exitCode).toBe(0);
});
