import { rpmDistro } from '../rpm/index.ts';
import { mirrorOf } from '../rpm/types.ts';
import { fedoraData } from './data.ts';

const MIRROR = 'https://dl.fedoraproject.org/pub/fedora/linux';

/** Its indexes are not signed, its packages are. */
export default rpmDistro({
  data: fedoraData,
  repositories: (source, arch) => {
    const mirror = mirrorOf(source, MIRROR);
    const { suite, components } = source;
    const path = (name: string) =>
      name === 'fedora'
        ? `releases/${suite}/Everything/${arch}/os`
        : `${name.replace('-', '/')}/${suite}/Everything/${arch}`;
    return Object.fromEntries(components.map((name) => [name, `${mirror}/${path(name)}`]));
  },
  database: 'usr/lib/sysimage/rpm',
  backend: 'sqlite',
  keys: (suite) => [`/usr/share/distribution-gpg-keys/fedora/RPM-GPG-KEY-fedora-${suite}-primary`],
  signedIndex: false,
  platform: (suite) => `platform:f${suite}`,
});
