import { rpmDistro } from '../rpm/index.ts';
import { mirrorOf } from '../rpm/types.ts';
import type { Source } from '../types.ts';
import { opensuseData } from './data.ts';

const MIRROR = 'https://download.opensuse.org';
const KEYS = '/usr/share/distribution-gpg-keys';

/**
 * The directory of a repository on the mirror, by the name that it has without `repo-`: oss, non-oss, and where updates are
 * apart update-oss, update-sle, update-backports. Tumbleweed's other architectures are ports, Leap has one directory each
 * since 16.
 */
function directory(name: string, suite: string, arch: string): string {
  const update = name.startsWith('update-') ? name.slice('update-'.length) : undefined;
  if (suite === 'tumbleweed') {
    const port = arch === 'x86_64' ? '' : `ports/${arch}/`;
    const path = update === undefined ? `tumbleweed/repo/${name}` : 'update/tumbleweed';
    return `${port}${path}${update === 'non-oss' ? '-non-oss' : ''}`;
  }
  if (update !== undefined) return `update/leap/${suite}/${update}`;
  const leap = `distribution/leap/${suite}/repo/${name}`;
  return Number(suite.split('.')[0]) >= 16 ? `${leap}/${arch}` : leap;
}

function repositories(source: Source, arch: string): Record<string, string> {
  const mirror = mirrorOf(source, MIRROR);
  const { suite, components } = source;
  return Object.fromEntries(components.map((name) => [name, `${mirror}/${directory(name, suite, arch)}`]));
}

/** Leap's packages are in part those of SUSE's own distribution, which signs them. */
function keys(suite: string): string[] {
  const own = ['opensuse/RPM-GPG-KEY-openSUSE-2022'];
  if (suite === 'tumbleweed') return own.map((name) => `${KEYS}/${name}`);
  const leap = suite.startsWith('15.')
    ? ['opensuse/RPM-GPG-KEY-openSUSE', 'opensuse/RPM-GPG-KEY-openSUSE-Backports-2023']
    : ['opensuse/RPM-GPG-KEY-openSUSE-16-Backports', 'suse/RPM-GPG-KEY-SuSE-ALP-Main'];
  const suse = suite.startsWith('15.')
    ? ['suse/RPM-GPG-KEY-SuSE-SLE-15', 'suse/RPM-GPG-KEY-SuSE-SLE-Main-2023']
    : [];
  return [...own, ...leap, ...suse].map((name) => `${KEYS}/${name}`);
}

/** Indexes and packages are signed. Its rpm reads no other database than its own kind. */
export default rpmDistro({
  data: opensuseData,
  repositories,
  database: 'usr/lib/sysimage/rpm',
  backend: 'ndb',
  keys,
  signedIndex: true,
});
