/** Distributions with Alpine's package manager: packages are found and installed by our own code, in apk's formats. */
import { readFile } from 'node:fs/promises';
import type { Distro } from '../types.ts';
import { bootstrap, install } from './install.ts';
import { inventory } from './inventory.ts';
import { readPackage } from './package-file.ts';
import { resolve } from './resolve.ts';
import type { ApkData } from './types.ts';

export function apkDistro(apk: ApkData): Distro {
  return {
    ...apk.data,
    resolve: (context) => resolve(context, apk),
    bootstrap: (context, list) => bootstrap(context, list, apk),
    install,
    inventory,
    async verify(file, checksum) {
      readPackage(await readFile(file), checksum);
    },
  };
}
