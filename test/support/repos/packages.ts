/** Packages that repositories of every family are made of: what the conformance suite looks for, and what must go wrong. */
import { readFileSync } from 'node:fs';
import type { TestEntry } from '../../../src/steps/testing.ts';
import { DIRECTORY, HARD_LINK, SYMLINK } from '../../../src/run/layer/entry.ts';

/** An entry of a package; `names` are user and group, where not those of `standardPackages`. */
export type PackageEntry = TestEntry & { names?: [user: string, group: string] };

export interface TestPackage {
  name: string;
  version: string;
  depends: string[];
  conflicts: string[];
  entries: PackageEntry[];
  /** What else it is known as. */
  provides?: string[];
  /** Which repository it is in, where a family has several; default: the first. */
  repository?: string;
  /** Shell commands that run in the system after it was unpacked. */
  script: string;
}

function make(name: string, more: Partial<TestPackage>): TestPackage {
  return { name, version: '1.2-3', depends: [], conflicts: [], entries: [], script: '', ...more };
}

const dir = (path: string, mode = 0o755): TestEntry => ({ path, type: DIRECTORY, mode });
const link = (path: string, to: string): TestEntry => ({ path, type: SYMLINK, mode: 0o777, link: to });

/** `cap_net_raw+ep`, as the kernel keeps it. */
export const CAPABILITY = Buffer.from('0100000200200000000000000000000000000000', 'hex');

const ACCOUNTS = {
  'etc/passwd': 'root:x:0:0::/root:/bin/sh\nwww-data:x:33:33::/var/www:/bin/false\n',
  'etc/group': 'root:x:0:\nwww-data:x:33:\n',
};

const GIVEN = ['etc', 'usr', 'usr/bin', 'usr/lib', 'usr/share', 'var', 'var/lib', 'var/log'];

const APPLETS = [
  ...['sh', 'bash', 'cat', 'chmod', 'chown', 'cmp', 'cp', 'cut', 'date', 'diff', 'echo', 'env', 'false'],
  ...['find', 'grep', 'id', 'install', 'ln', 'ls', 'mkdir', 'mv', 'rm', 'sed', 'sleep', 'sort', 'stat'],
  ...['tee', 'touch', 'true', 'wc'],
];

/** What boots a machine, at the paths that the distribution has it: each file holds its own. */
export function machinePackage(paths: string[]): TestPackage {
  const parents = paths.flatMap((path) => {
    const parts = path.split('/').slice(0, -1);
    return parts.map((_, i) => parts.slice(0, i + 1).join('/'));
  });
  return make('machine', {
    entries: [
      ...[...new Set(parents)].filter((path) => !GIVEN.includes(path)).map((path) => dir(path)),
      ...[...new Set(paths)].map((path) => ({ path, content: path })),
    ],
  });
}

/** A package of which no other run has the file. */
export function uniquePackage(content: string): TestPackage {
  return make('unique', { entries: [{ path: 'unique', content }] });
}

/** Directories and accounts; a shell for scripts; what must survive exactly. */
export function standardPackages(shell = '/usr/bin/busybox'): TestPackage[] {
  const busybox = readFileSync(shell);
  return [
    make('filesystem', {
      entries: [
        ...GIVEN.map((path) => dir(path)),
        // Over which the kernel's interfaces are mounted while packages are installed.
        ...[dir('dev'), dir('proc', 0o555), dir('sys', 0o555)],
        dir('root', 0o700),
        ...['bin', 'sbin'].map((path) => link(path, 'usr/bin')),
        link('lib', 'usr/lib'),
        ...Object.entries(ACCOUNTS).map(([path, content]) => ({ path, content })),
        { path: 'etc/shadow', mode: 0o600, content: 'root:*:20000::::::\n' },
      ],
    }),
    make('shell', {
      depends: ['filesystem'],
      provides: ['/bin/sh'],
      entries: [
        dir('usr/bin'),
        { path: 'usr/bin/busybox', mode: 0o755, content: busybox },
        ...APPLETS.map((name) => link(`usr/bin/${name}`, 'busybox')),
      ],
    }),
    make('special', {
      depends: ['shell'],
      entries: [
        ...['usr/bin', 'var/lib'].map((path) => dir(path)),
        { path: 'usr/bin/become', mode: 0o4755, content: 'setuid\n' },
        {
          path: 'usr/bin/knock',
          mode: 0o755,
          content: 'raw\n',
          xattrs: new Map([['security.capability', CAPABILITY]]),
        },
        { ...dir('var/lib/special', 0o2770), uid: 33, gid: 33 },
        { path: 'var/lib/special/data', mode: 0o640, uid: 33, gid: 33, content: 'data\n' },
        { path: 'var/lib/special/one', content: 'same\n' },
        { path: 'var/lib/special/two', type: HARD_LINK, link: 'var/lib/special/one' },
        link('var/lib/special/link', '../nowhere'),
      ],
    }),
    make('scripted', {
      depends: ['special'],
      entries: [dir('usr/share/scripted'), { path: 'usr/share/scripted/list', content: 'x\n' }],
      // What many packages' scripts do, and no image may have.
      script: `echo done > /etc/scripted
echo 0123456789abcdef0123456789abcdef > /etc/machine-id
mkdir -p /etc/ssh && echo secret > /etc/ssh/ssh_host_ed25519_key
echo "at $RANDOM" > /var/log/install.log
test -c /dev/null && test -d /proc/self && test -w /tmp
`,
    }),
    make('base', { depends: ['scripted', 'special'] }),
    make('libextra', {
      version: '2:0.9~rc1-1',
      entries: [dir('usr/lib'), { path: 'usr/lib/libextra.so.1', content: 'lib\n' }],
    }),
    make('extra', {
      depends: ['libextra', 'shell'],
      entries: [
        dir('usr/bin'),
        dir('usr/share/doc'),
        { path: 'usr/bin/extra', mode: 0o755, content: 'extra\n' },
        { path: 'usr/share/doc/extra', content: 'read me\n' },
        { path: 'usr/share/doc/licence', content: 'read me\n' },
      ],
      script: 'test -e /usr/lib/libextra.so.1 && echo done > /etc/extra\n',
    }),
    make('quarrel-one', { conflicts: ['quarrel-two'] }),
    make('quarrel-two', { conflicts: ['quarrel-one'] }),
    make('lonely', { depends: ['nowhere'] }),
    make('broken', { depends: ['shell'], script: 'echo the last words >&2; exit 3\n' }),
  ];
}
