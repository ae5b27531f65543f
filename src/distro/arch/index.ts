import type { Distro } from '../types.ts';
import { bootstrap, install } from '../pacman/install.ts';
import { inventory } from '../pacman/inventory.ts';
import { resolve } from '../pacman/resolve.ts';
import { archData } from './data.ts';

const arch: Distro = { ...archData, resolve, bootstrap, install, inventory };
export default arch;
