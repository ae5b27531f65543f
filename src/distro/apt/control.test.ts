/** Readers of Debian's formats against the programs that define them. */
import { writeFileSync, rmSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseControl } from './control.ts';
import { installedPackages } from './inventory.ts';
import { parseUris, signedBy } from './resolve.ts';

test('paragraphs, continuation lines and what is no field', () => {
  const text = `Package: a
Description: short
 long: not a field
 .
 end
# Comment: no
Version: 1:2-3


Package: b
Empty:
`;
  expect(parseControl(text).map((fields) => Object.fromEntries(fields))).toEqual([
    { package: 'a', description: 'short\n long: not a field\n .\n end', version: '1:2-3' },
    { package: 'b', empty: '' },
  ]);
  expect(parseControl('')).toEqual([]);
});

test('any paragraphs come back', () => {
  const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/);
  const line = fc.stringMatching(/^[!-~]([ -~]{0,20}[!-~])?$/);
  const field = fc.tuple(line, fc.array(line, { maxLength: 2 }));
  const value = field.map(([first, more]) => [first, ...more.map((text) => ` ${text}`)].join('\n'));
  const paragraph = fc.dictionary(name, value, { minKeys: 1, maxKeys: 5 });
  fc.assert(
    fc.property(fc.array(paragraph, { minLength: 1, maxLength: 4 }), (paragraphs) => {
      const text = paragraphs.map((fields) =>
        Object.entries(fields)
          .map(([key, content]) => `${key}: ${content}\n`)
          .join(''),
      );
      const parsed = parseControl(text.join('\n')).map((fields) => Object.fromEntries(fields));
      expect(parsed).toEqual(paragraphs.map((fields) => ({ ...fields })));
    }),
  );
});

// As dpkg leaves it: installed, removed but configured, half-way, on hold, and a package for two architectures.
const STATUS = `Package: zlib1g
Status: install ok installed
Architecture: amd64
Multi-Arch: same
Version: 1:1.3.1-1
Installed-Size: 170
Maintainer: a
Description: d

Package: zlib1g
Status: install ok installed
Architecture: i386
Multi-Arch: same
Version: 1:1.3.1-1
Maintainer: a
Description: d

Package: gone
Status: deinstall ok config-files
Architecture: all
Version: 2
Maintainer: a
Description: d

Package: half
Status: install reinstreq half-installed
Architecture: amd64
Version: 2
Maintainer: a
Description: d

Package: held
Status: hold ok installed
Architecture: all
Version: 3
Installed-Size: 1
Maintainer: a
Description: d
`;

test('installed packages, as dpkg-query counts them', async ({ skip }) => {
  const dir = mkdtempSync(join(tmpdir(), 'osmith-test-'));
  try {
    writeFileSync(join(dir, 'status'), STATUS);
    const format = '${db:Status-Status} ${Package} ${Version} ${Architecture} ${Installed-Size}\\n';
    const query = await execa('dpkg-query', [`--admindir=${dir}`, '-W', '-f', format], { reject: false });
    if (query.failed) skip('this host has no dpkg-query');
    const wanted = query.stdout
      .split('\n')
      .filter((line) => line.startsWith('installed '))
      .map((line) => line.split(' ').slice(1))
      .map(([name, version, arch, size]) => ({ name, version, arch, size: Number(size || 0) * 1024 }));
    expect(wanted).toHaveLength(3);
    expect(installedPackages(STATUS)).toEqual(expect.arrayContaining(wanted));
    expect(installedPackages(STATUS).map(({ name, arch }) => `${name}:${arch}`)).toEqual([
      'held:all',
      'zlib1g:amd64',
      'zlib1g:i386',
    ]);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test("apt's list of URLs", () => {
  // apt-get install --print-uris, apt 3.0
  const text = `'http://mirror.example/debian/pool/main/a/apt/apt_3.0.3_amd64.deb' apt_3.0.3_amd64.deb 1391376 SHA256:1
'http://mirror.example/debian/pool/main/d/dash/dash_0.5.12-12_amd64.deb' dash_0.5.12-12_amd64.deb 98516 
'http://mirror.example/debian/pool/main/p/passwd/passwd_4.17.4-2_amd64.deb' passwd_1%3a4.17.4-2_amd64.deb 1292224 SHA256:2
'file:/srv/repo/g++_4%3a14.2.0-1_all.deb' g++_4%3a14.2.0-1_all.deb 1 SHA256:3
Reading package lists...
`;
  expect(parseUris(text).map(({ name, version, arch }) => `${name} ${version} ${arch}`)).toEqual([
    'apt 3.0.3 amd64',
    'dash 0.5.12-12 amd64',
    'passwd 1:4.17.4-2 amd64',
    'g++ 4:14.2.0-1 all',
  ]);
  expect(parseUris(text)[2]!.url).toBe(
    'http://mirror.example/debian/pool/main/p/passwd/passwd_4.17.4-2_amd64.deb',
  );
});

test('every source gets the key ring, unless it names its own options', () => {
  const sources = `deb http://a/debian trixie main
deb-src  http://a/debian trixie main
# deb http://b/debian trixie main
deb [trusted=yes] http://c/debian ./
`;
  expect(signedBy(sources, '/k.gpg')).toBe(`deb [signed-by=/k.gpg] http://a/debian trixie main
deb-src [signed-by=/k.gpg] http://a/debian trixie main
# deb http://b/debian trixie main
deb [trusted=yes] http://c/debian ./
`);
});
