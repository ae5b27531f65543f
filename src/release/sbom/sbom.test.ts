/** Lists of packages against the programs that keep them, and bills of materials against what they promise. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, test } from 'vitest';
import { describeWith, run, scratch } from '../../disk/testing.ts';
import { broughtIn } from './brought.ts';
import { cyclonedxBill } from './cyclonedx.ts';
import { installedPackages, parseApk, parseDpkg, parsePacman, tellsPackages } from './databases.ts';
import { spdxBill } from './spdx.ts';
import { installedIn, tells } from './systems.ts';
import type { BillPart, Component, SpdxDocument } from './types.ts';

const STATUS = '/var/lib/dpkg/status';

function lines(components: readonly Component[]): string[] {
  return components.map(({ name, version, arch }) => `${name} ${version} ${arch}`).sort();
}

describeWith(['dpkg-query'], 'dpkg', () => {
  it('lists the packages that we read', () => {
    if (!existsSync(STATUS)) return;
    const format =
      '${db:Status-Status} ${Package} ${Version} ${Architecture} ${source:Package} ${source:Version}\n';
    const { stdout } = run(['dpkg-query', '-W', '-f', format]);
    const told = stdout.split('\n').filter((line) => line.startsWith('installed '));
    const read = parseDpkg(readFileSync(STATUS, 'utf8')).map(({ name, version, arch, source }) => {
      return `installed ${name} ${version} ${arch} ${source!.name} ${source!.version}`;
    });
    expect(read.length).toBeGreaterThan(50);
    expect(read.sort()).toEqual(told.sort());
  });
});

const SPEC = (name: string, more: string) => `Name: ${name}
Version: 1.2
Release: 3.fc40
Summary: x
License: MIT and GPLv2+
BuildArch: noarch
${more}
%description
x
%files
`;

describeWith(['rpm', 'rpmbuild'], 'rpm', () => {
  it('lists the packages that we read', { timeout: 120_000 }, () => {
    const dir = scratch();
    const env = { HOME: dir };
    const root = ['--root', `${dir}/root`, '--dbpath', '/var/lib/rpm', '--define', '_db_backend sqlite'];
    mkdirSync(join(dir, 'root'));
    for (const [name, more] of [
      ['plain', ''],
      ['with-epoch', 'Epoch: 7'],
    ] as const) {
      writeFileSync(join(dir, `${name}.spec`), SPEC(name, more));
      const built = run(['rpmbuild', '-bb', '--define', `_topdir ${dir}`, join(dir, `${name}.spec`)], {
        env,
      });
      expect(built, built.stderr).toMatchObject({ status: 0 });
      const file = `${dir}/RPMS/noarch/${name}-1.2-3.fc40.noarch.rpm`;
      const installed = run(['rpm', ...root, '-i', '--justdb', '--nodeps', file], { env });
      expect(installed, installed.stderr).toMatchObject({ status: 0 });
    }
    const format = '%{NAME} %|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE} %{ARCH}\\n';
    const { stdout } = run(['rpm', ...root, '-qa', '--qf', format], { env });
    const database = readFileSync(join(dir, 'root/var/lib/rpm/rpmdb.sqlite'));
    const { components } = installedPackages(new Map([['var/lib/rpm/rpmdb.sqlite', database]]));
    expect(lines(components)).toEqual(stdout.trim().split('\n').sort());
    expect(components[1]).toMatchObject({
      ...{ name: 'with-epoch', version: '7:1.2-3.fc40', license: 'MIT and GPLv2+' },
      source: { name: 'with-epoch', version: '1.2-3.fc40' },
    });
  });
});

test('apk and pacman', () => {
  const apk =
    'C:Q1x\nP:musl\nV:1.2.5-r0\nA:x86_64\nL:MIT\no:musl\nF:lib\nR:ld.so\n\nP:busybox-binsh\nV:1.36-r1\no:busybox\n\n\n';
  expect(parseApk(apk)).toMatchObject([
    { name: 'musl', version: '1.2.5-r0', arch: 'x86_64', license: 'MIT', source: { name: 'musl' } },
    { name: 'busybox-binsh', version: '1.36-r1', source: { name: 'busybox' } },
  ]);
  const desc =
    '%NAME%\nbash\n\n%VERSION%\n5.2-1\n\n%BASE%\nbash\n\n%ARCH%\nx86_64\n\n%LICENSE%\nGPL\nLGPL\n\n';
  expect(parsePacman(desc)).toMatchObject([
    { name: 'bash', version: '5.2-1', arch: 'x86_64', license: 'GPL AND LGPL' },
  ]);
  expect(tellsPackages('var/lib/dpkg/status.d/python3.11')).toBe(true);
  expect(tellsPackages('var/lib/dpkg/status.d/libc6.md5sums')).toBe(false);
});

test('containers have lists of their own; what several have is told once, by the licence that one of them knows', () => {
  const file = (path: string, text: string): [string, Buffer] => [path, Buffer.from(text)];
  const deb = (name: string, version: string) =>
    `Package: ${name}\nVersion: ${version}\nArchitecture: amd64\n`;
  const files = new Map([
    file('etc/os-release', 'ID=debian\nVERSION_ID="13"\n'),
    file('var/lib/dpkg/status.d/runc', deb('runc', '1')),
    file('containers/onboot/000-a/lower/var/lib/dpkg/status.d/libc6', deb('libc6', '2')),
    file('containers/services/b/rootfs/var/lib/dpkg/status.d/libc6', deb('libc6', '2')),
    file('containers/services/b/rootfs/var/lib/dpkg/status.d/dhcpcd', deb('dhcpcd', '3')),
    file(
      'containers/services/b/rootfs/usr/share/doc/libc6/copyright',
      'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nFiles: *\nLicense: LGPL-2.1+\n',
    ),
    file('containers/services/b/rootfs/etc/os-release', 'ID=other\n'),
  ]);
  expect([...files.keys()].filter((path) => !tells(path))).toEqual([]);
  expect(tells('containers/services/b/rootfs/srv/var/lib/dpkg/status')).toBe(false);
  const { distribution, components } = installedIn(files);
  expect(distribution).toEqual({ id: 'debian', version: '13' });
  expect(components.map(({ name, version, license }) => [name, version, license])).toEqual([
    ['dhcpcd', '3', undefined],
    ['libc6', '2', 'LGPL-2.1+'],
    ['runc', '1', undefined],
  ]);
});

const DOCUMENT: SpdxDocument = {
  ...{ spdxVersion: 'SPDX-2.3', SPDXID: 'SPDXRef-DOCUMENT', name: 'x' },
  packages: [
    { SPDXID: 'SPDXRef-a', name: 'a', licenseDeclared: '(LicenseRef-1 OR DocumentRef-e:LicenseRef-1)' },
  ],
  externalDocumentRefs: [{ externalDocumentId: 'DocumentRef-e', spdxDocument: 'https://e.example/' }],
  hasExtractedLicensingInfos: [{ licenseId: 'LicenseRef-1', extractedText: 'x' }],
  relationships: [
    { spdxElementId: 'SPDXRef-DOCUMENT', relationshipType: 'DESCRIBES', relatedSpdxElement: 'SPDXRef-a' },
    {
      spdxElementId: 'SPDXRef-a',
      relationshipType: 'DEPENDS_ON',
      relatedSpdxElement: 'DocumentRef-e:SPDXRef-b',
    },
  ],
};

function part(name: string, more: Partial<BillPart>): BillPart {
  return { ...{ name, version: '1', purpose: 'CONTAINER', prefix: `${name}/`, components: [] }, ...more };
}

const DEB: Component = { type: 'deb', name: 'libstdc++6', version: '1:12.2-14', arch: 'amd64' };
const distribution = { id: 'debian', version: '12' };
const bill = {
  ...{ name: 'sbom', created: 0 },
  parts: [
    part('one', { document: DOCUMENT }),
    part('two', { document: DOCUMENT }),
    part('three', { components: [DEB, DEB, { ...DEB, arch: 'i386' }], distribution }),
  ],
};

test('identifiers, licenses and references to other documents of several bills do not meet', () => {
  const made = JSON.parse(spdxBill(bill)) as Record<string, Record<string, string>[]>;
  const ids = made['packages']!.map((each) => each['SPDXID']!);
  expect(new Set(ids).size).toBe(8);
  for (const id of ids) expect(id).toMatch(/^SPDXRef-[A-Za-z0-9.-]+$/);
  const [one, two] = made['hasExtractedLicensingInfos']!.map((each) => each['licenseId']!);
  const [first, second] = made['externalDocumentRefs']!.map((each) => each['externalDocumentId']!);
  expect(one).not.toBe(two);
  expect(first).not.toBe(second);
  const licenses = made['packages']!.filter(({ name }) => name === 'a').map(
    (each) => each['licenseDeclared'],
  );
  expect(licenses).toEqual([`(${one} OR ${first}:LicenseRef-1)`, `(${two} OR ${second}:LicenseRef-1)`]);
  const known = new Set([...ids, 'SPDXRef-DOCUMENT', `${first}:SPDXRef-b`, `${second}:SPDXRef-b`]);
  for (const { spdxElementId, relatedSpdxElement } of made['relationships']!) {
    expect(known).toContain(spdxElementId);
    expect(known).toContain(relatedSpdxElement);
  }
  expect(spdxBill(bill)).toBe(spdxBill(structuredClone(bill)));
});

test('package URLs', () => {
  const made = cyclonedxBill(bill);
  expect(made).toContain('"pkg:deb/debian/libstdc%2B%2B6@1:12.2-14?arch=amd64&distro=debian-12"');
  const refs = [...made.matchAll(/"bom-ref": "(.*?)"/g)].map(([, ref]) => ref);
  expect(new Set(refs).size).toBe(refs.length);
});

test('what images brought bills for is told beside what is installed, and nothing twice', () => {
  const purl = (referenceLocator: string) => ({
    externalRefs: [{ referenceType: 'purl', referenceLocator }],
  });
  const brought = {
    ...DOCUMENT,
    packages: [
      { SPDXID: 'SPDXRef-i', name: '.', versionInfo: '1', primaryPackagePurpose: 'CONTAINER' },
      { SPDXID: 'SPDXRef-d', name: '/app' },
      {
        SPDXID: 'SPDXRef-n',
        name: 'node',
        versionInfo: '24.1.0',
        licenseDeclared: 'MIT',
        ...purl('pkg:generic/node@24.1.0'),
      },
      { SPDXID: 'SPDXRef-m', name: '@x/y', versionInfo: '2', ...purl('pkg:npm/%40x/y@2') },
      {
        SPDXID: 'SPDXRef-l',
        name: 'libstdc++6',
        ...purl('pkg:deb/debian/libstdc%2B%2B6@1:12.2-14?distro=debian-12&arch=amd64'),
      },
    ],
  };
  const composed = spdxBill({ ...bill, parts: [part('one', { document: brought }), ...bill.parts] });
  const found = broughtIn(composed, [DEB]);
  expect(found.map(({ name, version, license }) => [name, version, license])).toEqual([
    ['node', '24.1.0', 'MIT'],
    ['@x/y', '2', undefined],
  ]);
  const system = { ...bill, parts: [part('os', { version: '', components: [DEB], brought: found })] };
  const cdx = JSON.parse(cyclonedxBill(system)) as {
    components: { version?: string; components: object[] }[];
  };
  expect(cdx.components[0]).not.toHaveProperty('version');
  expect(cdx.components[0]!.components).toContainEqual({
    ...{ type: 'library', 'bom-ref': expect.any(String) as string, name: 'node', version: '24.1.0' },
    ...{ licenses: [{ license: { name: 'MIT' } }], purl: 'pkg:generic/node@24.1.0' },
  });
  const { packages } = JSON.parse(spdxBill(system)) as { packages: Record<string, string>[] };
  expect(packages.map(({ name }) => name)).toEqual(['os', 'libstdc++6', 'node', '@x/y']);
  expect(packages[0]).not.toHaveProperty('versionInfo');
});

test.each<[string, object, RegExp]>([
  ['of another version', { spdxVersion: 'SPDX-3.0', SPDXID: 'x' }, /spdxVersion: must be a version 2/],
  ['without an id', { spdxVersion: 'SPDX-2.3' }, /SPDXID/],
  ['with packages that are none', { ...DOCUMENT, packages: ['a'] }, /packages\.0/],
])('a bill %s is refused', (_what, document, message) => {
  const parts = [part('one', { document: document as SpdxDocument })];
  expect(() => spdxBill({ ...bill, parts })).toThrow(message);
});
