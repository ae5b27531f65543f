/** All distributions, as plans know them. */
import type { Config } from '../config/index.ts';
import { OsmithError } from '../errors.ts';
import { almalinuxData } from './almalinux/data.ts';
import { alpineData } from './alpine/data.ts';
import { archData } from './arch/data.ts';
import { debianData } from './debian/data.ts';
import { fedoraData } from './fedora/data.ts';
import { opensuseData } from './opensuse/data.ts';
import type { DistroData } from './types.ts';
import { ubuntuData } from './ubuntu/data.ts';

export const DISTROS: Record<string, DistroData> = {
  almalinux: almalinuxData,
  alpine: alpineData,
  arch: archData,
  debian: debianData,
  fedora: fedoraData,
  opensuse: opensuseData,
  ubuntu: ubuntuData,
};

/** The distribution of the base system. Throws E_CONFIG for one that has no adapter. */
export function baseDistro(config: Config): DistroData {
  const name = config.get('bootstrap', 'distro');
  const data = DISTROS[name];
  if (data !== undefined) return data;
  throw new OsmithError('E_CONFIG', `Unknown distribution ${name}`, {
    where: config.where('bootstrap', 'distro'),
    hint: `Known: ${Object.keys(DISTROS).join(', ')}`,
  });
}
