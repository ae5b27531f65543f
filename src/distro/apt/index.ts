/** Distributions of Debian's family: apt, dpkg and mmdebstrap. */
import type { Distro, DistroData } from '../types.ts';
import { bootstrap } from './bootstrap.ts';
import { install } from './install.ts';
import { inventory, packageDate } from './inventory.ts';
import { resolve } from './resolve.ts';

/** The adapter of a distribution. `keyring`: of its own keys, in the tools tree. */
export function aptDistro(data: DistroData, keyring: string): Distro {
  return {
    ...data,
    resolve: (context) => resolve(context, { title: data.title, keyring }),
    resolveOn: (context, system) => resolve(context, { title: data.title, keyring }, system),
    bootstrap: (context, list) => bootstrap(context, list, data.title),
    install: (context, list, base) => install(context, list, base, data.title),
    inventory,
    packageDate,
  };
}
