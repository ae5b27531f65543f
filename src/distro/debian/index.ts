import type { Distro } from '../types.ts';
import { debianBoot } from './boot.ts';
import { bootstrap } from './bootstrap.ts';
import { install } from './install.ts';
import { installedPackages, packageDate, STATUS } from './inventory.ts';
import { resolve } from './resolve.ts';

const debian: Distro = {
  resolve,
  bootstrap,
  install,
  packageDate,
  databaseFiles: [STATUS],
  inventory: async (read) => installedPackages(await read(STATUS)),
  boot: debianBoot,
};
export default debian;
