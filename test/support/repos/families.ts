/** The distributions, and how a repository of each is made and a system of each asked what is installed in it. */
import { join } from 'node:path';
import { execa } from 'execa';
import { apkKeys, apkQuery, apkRepository, apkVersion } from './apk.ts';
import type { SigningKey } from './openpgp.ts';
import type { TestPackage } from './packages.ts';
import { pacmanRepository } from './pacman.ts';
import { rpmRepository } from './rpm.ts';

export interface Family {
  name: string;
  branch: string;
  distro: string;
  suite: string;
  components: string[];
  /** Pattern of what is below usr/share/doc. */
  documentation: string;
  repository: (packages: TestPackage[], root: string, key?: SigningKey) => Promise<void>;
  /** What bootstrap.keyring names; default: the file of the public key. */
  keyring?: (key: SigningKey) => string;
  /** Keys that are valid for ever. */
  timeless?: boolean;
  /** How a version is written; default: as in the test packages. */
  version?: (version: string) => string;
  /** `NAME VERSION` of each installed package, as the package manager of this machine says. */
  query: (root: string) => Promise<string[]>;
}

async function lines(argv: [string, ...string[]]): Promise<string[]> {
  const [program, ...args] = argv;
  const { stdout } = await execa(program, args);
  return stdout.split('\n').filter((line) => line !== '');
}

function rpm(
  branch: string,
  distro: string,
  suite: string,
  component: string,
  path: string,
  database: string,
): Family {
  return {
    ...{ name: distro, branch, distro, suite, components: [component], documentation: 'usr/share/doc' },
    repository: (packages, root, key) => rpmRepository(packages, join(root, path), key),
    query: (root) =>
      lines([
        'rpm',
        '--dbpath',
        join(root, database),
        '-qa',
        '--qf',
        '%{NAME} %|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\\n',
      ]),
  };
}

export const FAMILIES: Family[] = [
  {
    ...{ name: 'arch', branch: 'arch', distro: 'arch', suite: 'rolling', components: ['core'] },
    documentation: 'usr/share/doc/*',
    repository: pacmanRepository,
    query: (root) => lines(['pacman', '--dbpath', join(root, 'var/lib/pacman'), '-Q']),
  },
  rpm('fed', 'fedora', '42', 'fedora', 'releases/42/Everything/x86_64/os', 'usr/lib/sysimage/rpm'),
  rpm('alma', 'almalinux', '9', 'BaseOS', '9/BaseOS/x86_64/os', 'var/lib/rpm'),
  {
    ...{ name: 'alpine', branch: 'alpine', distro: 'alpine', suite: 'v3.22', components: ['main'] },
    ...{ documentation: 'usr/share/doc/*', timeless: true },
    ...{ repository: apkRepository, keyring: apkKeys, version: apkVersion, query: apkQuery },
  },
];
