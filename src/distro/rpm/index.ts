/** Distributions of RPM's family: dnf finds the packages, rpm installs them. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { Distro, Resolution, ResolveRequest } from '../types.ts';
import type { StepContext } from '../../steps/types.ts';
import { solveByDnf } from './dnf.ts';
import { bootstrap, install } from './install.ts';
import { inventory } from './inventory.ts';
import type { RpmData } from './types.ts';

/** openSUSE's indexes have SHA-512. */
async function verify(file: string, checksum: string): Promise<void> {
  const hash = createHash('sha512');
  await pipeline(createReadStream(file), hash);
  const digest = hash.digest('hex');
  if (digest !== checksum) throw new Error(`Expected SHA-512 ${checksum}, got ${digest}`);
}

/** The sources of the finished system come with a package of the distribution. */
async function resolve(context: StepContext<ResolveRequest>, rpm: RpmData): Promise<Resolution> {
  const { base, extra } = await solveByDnf(context, rpm);
  return { base: { packages: base, index: '' }, extra: { packages: extra, index: '' }, sources: '' };
}

export function rpmDistro(rpm: RpmData): Distro {
  return {
    ...rpm.data,
    resolve: (context) => resolve(context, rpm),
    bootstrap: (context, list) => bootstrap(context, rpm, list),
    install: (context, list, base) => install(context, rpm, list, base),
    verify,
    inventory: (context, tree) => inventory(context, tree, rpm),
  };
}
