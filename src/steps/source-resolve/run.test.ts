/** Sources of real packages out of the signed index: all files, the same archive again, and what is not to be had. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, test } from 'vitest';
import { parseSourceUris, sourceLines } from '../../distro/apt/sources.ts';
import { describeWith, run, scratch } from '../../disk/testing.ts';
import { formatCollected, MANIFEST, parseCollected } from '../../release/sbom/collected.ts';
import { runStep } from '../testing.ts';

const DEBIAN = {
  distro: 'debian',
  suite: 'bookworm',
  arch: 'amd64',
  components: ['main'],
  mirror: '',
  keyring: '',
};
const HEAD = 'type,name,version,packages,licenses\n';
const LIST = `${HEAD}apk,busybox,1,,\ndeb,hostname,3.23+nmu1,hostname,GPL-2.0-only\ndeb,hostname,0.gone,,\n`;

test('lines of apt, and what it prints', () => {
  expect(sourceLines('deb [signed-by=/k] http://m s main\n# deb\n')).toBe(
    'deb-src [signed-by=/k] http://m s main\n# deb\n',
  );
  const sha = 'a'.repeat(64);
  const text = `Need to get 1 B\n'http://m/a_1.dsc' a_1.dsc 12 SHA256:${sha}\n'http://m/b' b 1 MD5Sum:00\n`;
  expect(parseSourceUris(text, { name: 'a', version: '1' })).toEqual([
    {
      ...{ name: 'a', version: '1', arch: 'source', date: 0, size: 12 },
      file: 'a_1.dsc',
      url: 'http://m/a_1.dsc',
      sha256: sha,
    },
  ]);
});

test('a manifest tells what was had', () => {
  const own = { type: 'deb', name: 'a', version: '1' };
  const had = { ...own, path: 'deb/a.dsc', reason: '' };
  const lacking = { ...own, name: 'b', path: '', reason: 'gone, "lost"' };
  const text = formatCollected([lacking, had, { ...had, path: 'deb/a.tar' }]);
  expect(parseCollected(text)).toEqual([{ ...own, packages: [], licenses: [] }]);
  expect(() => parseCollected(`${text}deb,x\n`)).toThrow(/line 5/);
});

describeWith(['apt-get', 'mmdebstrap'], 'sources of Debian', () => {
  it(
    'are fetched, verified, archived as the same bits, and those that are not there named',
    { timeout: 600_000 },
    async () => {
      const sources = Buffer.from(LIST);
      const found = await runStep('source-resolve', DEBIAN, { sources }, { network: true });
      expect(found.facts).toEqual({ missing: 2 });
      const { store, result } = found;
      const inputs = {
        list: { result, output: 'list' },
        collected: { result, output: 'collected' },
      };
      const first = await runStep('source-archive', {}, inputs, { store });
      const again = await runStep('source-archive', {}, inputs, { store, seed: '1'.repeat(64) });
      expect(again.result.files).toEqual(first.result.files);
      const dir = scratch();
      run(['tar', '-xf', first.files['file']!, '-C', dir]);
      const manifest = readFileSync(join(dir, MANIFEST), 'utf8');
      expect(manifest).toBe(
        [
          'type,name,version,path,missing',
          'apk,busybox,1,,sources of apk packages cannot be fetched',
          'deb,hostname,0.gone,,the index has no such version',
          'deb,hostname,3.23+nmu1,deb/hostname_3.23+nmu1.dsc,',
          'deb,hostname,3.23+nmu1,deb/hostname_3.23+nmu1.tar.xz,',
          '',
        ].join('\n'),
      );
      // dpkg's own reader compares the digests that the .dsc has.
      const unpacked = run(['dpkg-source', '--no-check', '-x', 'hostname_3.23+nmu1.dsc', 'tree'], {
        cwd: join(dir, 'deb'),
      });
      expect(unpacked.status === 0 || unpacked.status === null, unpacked.stderr).toBe(true);
      expect(statSync(join(dir, 'deb/hostname_3.23+nmu1.tar.xz')).size).toBeGreaterThan(1000);
    },
  );
});
