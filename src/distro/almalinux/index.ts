import { rpmDistro } from '../rpm/index.ts';
import { mirrorOf } from '../rpm/types.ts';
import { almalinuxData } from './data.ts';

const MIRROR = 'https://repo.almalinux.org/almalinux';

/** Components are called as its directories are: BaseOS, AppStream, CRB, extras. */
export default rpmDistro({
  data: almalinuxData,
  repositories: (source, arch) => {
    const at = `${mirrorOf(source, MIRROR)}/${source.suite}`;
    return Object.fromEntries(source.components.map((name) => [name, `${at}/${name}/${arch}/os`]));
  },
  database: 'var/lib/rpm',
  backend: 'sqlite',
  keys: (suite) => [`/usr/share/distribution-gpg-keys/alma/RPM-GPG-KEY-AlmaLinux-${suite.split('.')[0]}`],
  signedIndex: false,
  platform: (suite) => `platform:el${suite.split('.')[0]}`,
});
