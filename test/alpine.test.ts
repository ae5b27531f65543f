/** What only Alpine's packages have: triggers, owners by name, replaced files, tags; and its system for containers, from start to end. */
import { cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { OsmithError } from '../src/errors.ts';
import { DIRECTORY, SYMLINK } from '../src/run/layer/entry.ts';
import { removeTree } from '../src/run/scratch.ts';
import type { TestEntry } from '../src/steps/testing.ts';
import { LONG } from './support/long.ts';
import { osmith, REPO } from './support/osmith.ts';
import { apkKeys, apkRepository, type ApkPackage } from './support/repos/apk.ts';
import { makeKey, type SigningKey } from './support/repos/openpgp.ts';
import { standardPackages } from './support/repos/packages.ts';
import { makeSystem, type SystemRequest } from './support/rootfs.ts';
import { serve, type WebServer } from './support/web-server.ts';

let dir: string;
let key: SigningKey;
let stranger: SigningKey;
let web: WebServer;

function make(name: string, more: Partial<ApkPackage>): ApkPackage {
  return { name, version: '1-1', depends: ['shell'], conflicts: [], entries: [], script: '', ...more };
}

const directory = (path: string): TestEntry => ({ path, type: DIRECTORY, mode: 0o755 });
const LOG = '#!/bin/sh\necho "${0##*/} $*" >> /var/lib/order\n';

/** Beside those of the conformance suite. */
function packages(): ApkPackage[] {
  return [
    ...standardPackages(),
    make('release', {
      entries: [
        { path: 'usr/lib/os-release', content: 'ID=alpine\nNAME=Alpine\nVERSION_ID=3.22\n' },
        { path: 'etc/os-release', type: SYMLINK, mode: 0o777, link: '../usr/lib/os-release' },
        { ...directory('var/tmp'), mode: 0o1777 },
      ],
      // Of those that a real system has.
      script: `echo 'www-data:!::0:::::' >> /etc/shadow
for id in 801 802 803 804 805 806 807 808 809; do
  echo "user$id:x:$id:$id::/:/bin/false" >> /etc/passwd
  echo "user$id:x:$id:" >> /etc/group
  echo "user$id:!::0:::::" >> /etc/shadow
done
`,
    }),
    make('watcher', {
      triggers: ['/usr/share/watched/*', '+/usr/share'],
      scripts: { trigger: LOG },
      entries: [{ path: 'etc/shared', content: 'old\n' }, directory('usr/share')],
    }),
    make('daemon', {
      depends: ['watcher', 'so:libextra.so.1'],
      scripts: {
        'pre-install': `${LOG}echo daemon:x:901:901::/:/bin/false >> /etc/passwd
echo daemon:x:901: >> /etc/group
echo daemon:!::0::::: >> /etc/shadow
echo mine > /etc/daemon.conf
`,
        'post-install': `${LOG}test -e /var/spool/daemon/state\n`,
      },
      replaces: ['watcher'],
      entries: [
        ...['var/spool', 'usr/share/watched', 'usr/share/watched/one'].map(directory),
        { path: 'etc/shared', content: 'new\n' },
        { path: 'etc/daemon.conf', content: "the package's\n" },
        { ...directory('var/spool/daemon'), mode: 0o2750, uid: 16, gid: 16 },
        { path: 'var/spool/daemon/state', mode: 0o640, uid: 16, gid: 16, content: 'state\n' },
      ],
      owners: { 'var/spool/daemon': 'daemon', 'var/spool/daemon/state': 'daemon' },
    }),
    make('so', { provides: ['so:libextra.so.1=1.2'], depends: ['libextra'], arch: 'noarch' }),
    make('docs', {}),
    make('daemon-doc', { installIf: ['docs', 'daemon=1-r1'], depends: [] }),
    make('later', { entries: [directory('usr/share/watched/two')] }),
    make('thief', { depends: [], entries: [{ path: 'usr/bin/extra', content: 'mine\n' }] }),
  ];
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'osmith-test-'));
  key = await makeKey(dir, 'good');
  stranger = await makeKey(dir, 'stranger');
  await apkRepository(packages(), join(dir, 'good'), key);
  await apkRepository([make('new', { depends: ['filesystem'] })], join(dir, 'good'), key, {
    path: 'edge/main',
  });
  web = await serve(join(dir, 'good'));
});

afterAll(async () => {
  await web.close();
  await removeTree(dir);
});

function request(more: Partial<SystemRequest>): SystemRequest {
  return {
    ...{ branch: 'alpine', distro: 'alpine', suite: 'v3.22', components: ['main'], mirror: web.url },
    ...{ keyring: apkKeys(key), base: ['filesystem'], ...more },
  };
}

async function failure(more: Partial<SystemRequest>): Promise<string> {
  const error = await makeSystem(request(more)).catch((thrown: unknown) => thrown as OsmithError);
  return error instanceof Error ? `${error.code} ${error.message}` : 'it works';
}

/** From a server that has other files at these paths. */
async function failureWith(change: (root: string) => Promise<void> | void, base: string[]): Promise<string> {
  const root = mkdtempSync(join(dir, 'bad-'));
  cpSync(join(dir, 'good'), root, { recursive: true });
  await change(root);
  const good = web.root;
  web.root = root;
  try {
    return await failure({ base });
  } finally {
    web.root = good;
  }
}

describe('a system for containers', () => {
  let out: string;
  let root: string;
  const read = (path: string) => readFileSync(join(root, path), 'utf8');

  beforeAll(async () => {
    cpSync(join(REPO, 'workspace'), join(dir, 'workspace'), { recursive: true });
    const own = `[bootstrap]
mirror = ${web.url}
keyring = ${apkKeys(key)}
components_del = community
packages_del = alpine-baselayout alpine-keys alpine-release apk-tools busybox libc-utils
packages_add = base daemon docs release
[refine]
packages_add = later
`;
    writeFileSync(join(dir, 'workspace/config/local.ini'), own);
    out = join(dir, 'out');
    root = join(dir, 'root');
    const args = ['build', 'alpine', '--product', 'container', '--arch', 'amd64', '--out', out];
    const { exitCode, all } = await osmith(['-C', join(dir, 'workspace'), ...args], { cwd: dir });
    expect(exitCode, all).toBe(0);
    const unpack = 'mkdir "$1" && tar -x -I zstd -f "$2" -C "$1" --exclude=dev --exclude=./dev';
    await execa('sh', ['-c', unpack, 'sh', root, join(out, 'osmith_alpine_amd64.tar.zst')]);
  });

  test('what all systems for containers must be holds for it', async () => {
    const args = ['test', 'alpine', '--product', 'container', '--arch', 'amd64', '--out', out];
    const { exitCode, all } = await osmith(['-C', join(dir, 'workspace'), ...args], { cwd: dir });
    expect(exitCode, all).toBe(0);
    expect(all).toMatch(/1 scenario passed; in the sandbox, without a machine/);
  });

  test('scripts ran in the order of what packages need, triggers after them, again for what came later', () => {
    expect(read('var/lib/order').trim().split('\n')).toEqual([
      'daemon-1-r1.pre-install 1-r1',
      'daemon-1-r1.post-install 1-r1',
      'watcher-1-r1.trigger /usr/share /usr/share/watched/one',
      'watcher-1-r1.trigger /usr/share/watched/two',
    ]);
  });

  test('files belong to the users that a script made', async () => {
    const tar = join(dir, 'plain.tar');
    await execa('zstd', ['-d', '-q', join(out, 'osmith_alpine_amd64.tar.zst'), '-o', tar]);
    const { stdout } = await execa('python3', [join(REPO, 'test/support/tree.py'), 'tar', tar]);
    const entries = JSON.parse(stdout) as Record<string, { owner: number[]; mode: string }>;
    expect(entries['var/spool/daemon']).toMatchObject({ owner: [901, 901], mode: '0o2750' });
    expect(entries['var/spool/daemon/state']).toMatchObject({ owner: [901, 901], mode: '0o640' });
  });

  test('what a script wrote below /etc stays; files go over to who replaces them', () => {
    expect(read('etc/daemon.conf')).toBe('mine\n');
    expect(read('etc/daemon.conf.apk-new')).toBe("the package's\n");
    expect(read('etc/shared')).toBe('new\n');
  });

  test('the database is as apk writes it', async () => {
    const text = read('usr/lib/apk/db/installed');
    const paragraph = (name: string) => text.split('\n\n').find((each) => each.includes(`\nP:${name}\n`))!;
    const checksum = /^C:(.*)$/m.exec(paragraph('daemon'))![1]!;
    expect(paragraph('daemon').split('\nr:watcher\n')[1]).toMatch(
      new RegExp(
        [
          'F:var/spool\nF:usr/share/watched\nF:usr/share/watched/one\nF:etc',
          'R:shared\nZ:Q1\\S{27}=\nR:daemon.conf\nZ:Q1\\S{27}=',
          'F:var/spool/daemon\nM:901:901:2750\nR:state\na:901:901:640\nZ:Q1\\S{27}=$',
        ].join('\n'),
      ),
    );
    expect(paragraph('watcher')).not.toContain('R:shared');
    expect(paragraph('so')).toContain('\nA:noarch\n');
    expect(paragraph('daemon-doc')).toContain('\ni:docs daemon=1-r1');
    const { stdout } = await execa('tar', ['-tf', join(root, 'usr/lib/apk/db/scripts.tar')]);
    expect(stdout.split('\n')).toContain(`daemon-1-r1.${checksum}.pre-install`);
    expect(read('usr/lib/apk/db/triggers')).toMatch(/^Q1\S{27}= \/usr\/share\/watched\/\* \+\/usr\/share\n$/);
    expect(read('etc/apk/world')).toBe('base\ndaemon\ndocs\nlater\nrelease\n');
    expect(read('etc/apk/arch')).toBe('x86_64\n');
    expect(read('etc/apk/repositories')).toBe(`${web.url}/v3.22/main\n`);
    const manifest = readFileSync(join(out, 'manifest.json'), 'utf8');
    expect(manifest).toContain('"daemon-doc"');
  });
});

test('a repository with a tag is used for what asks for it', async () => {
  const components = ['main', '@edge=edge/main'];
  expect(await failure({ components, base: ['new'] })).toMatch(
    /^E_PACKAGE_MISSING .*repositories with a tag/,
  );
  expect(await failure({ components, base: ['new@edge'] })).toBe('it works');
});

test('two packages with the same file are refused', async () => {
  expect(await failure({ base: ['base', 'extra', 'thief'] })).toMatch(
    /^E_PACKAGE_MISSING .*\w+ and \w+ both hold \/usr\/bin\/extra/,
  );
});

test.runIf(LONG)('another architecture has its own name', async () => {
  const before = web.requests.length;
  await apkRepository([make('alone', { depends: [] })], join(dir, 'good'), key, { arch: 'aarch64' });
  const system = await makeSystem(request({ arch: 'arm64', base: ['alone'], unpacking: { scripts: false } }));
  expect(system.results.has('bootstrap/tree')).toBe(true);
  const asked = JSON.stringify(web.requests.slice(before));
  expect(asked).toContain('/v3.22/main/aarch64/APKINDEX.tar.gz');
  expect(asked).toContain('/v3.22/main/aarch64/alone-1-r1.apk');
});

describe('not taken', () => {
  const INDEX = 'v3.22/main/x86_64/APKINDEX.tar.gz';
  const edit = (change: (bytes: Buffer) => Buffer) => (root: string) => {
    const file = join(root, INDEX);
    writeFileSync(file, change(readFileSync(file)));
  };

  test.each([
    [
      'an index in which a byte is another',
      edit((bytes) => {
        bytes[bytes.length - 20]! ^= 1;
        return bytes;
      }),
    ],
    ['half an index', edit((bytes) => bytes.subarray(0, bytes.length >> 1))],
    [
      'an index without its signature',
      edit((bytes) => bytes.subarray(bytes.indexOf('\x1f\x8b\x08', 10, 'latin1'))),
    ],
    ['something else', edit(() => Buffer.from('<html>not found</html>'))],
  ])('%s', async (_what, change) => {
    expect(await failureWith(change, ['filesystem'])).toMatch(/^E_SIGNATURE .*not signed by a trusted key/);
  });

  test("an index by another key under the first one's name", async () => {
    const mine = join(dir, 'mine');
    await cp(apkKeys(stranger), mine, { recursive: true });
    const [name, other] = ['good', 'stranger'].map((each) => join(mine, `${each}.gnupg.keys.rsa.pub`));
    await cp(other!, name!);
    expect(await failure({ keyring: mine })).toMatch(/^E_SIGNATURE .*not signed by a trusted key/);
    writeFileSync(name!, 'no key');
    expect(await failure({ keyring: mine })).toMatch(/^E_SIGNATURE .*not a public RSA key/);
  });

  test('a package whose files are others than its signed part says', async () => {
    const one = make('unique', { depends: [], entries: [{ path: 'unique', content: `only in ${dir}` }] });
    const change = async (root: string) => {
      await apkRepository([one], root, key);
      const file = join(root, 'v3.22/main/x86_64/unique-1-r1.apk');
      const bytes = readFileSync(file);
      bytes[bytes.length - 20]! ^= 1;
      writeFileSync(file, bytes);
    };
    expect(await failureWith(change, ['unique'])).toMatch(
      /^E_SIGNATURE .*unique-1-r1.apk is not the file that the signed index names/,
    );
  });
});
