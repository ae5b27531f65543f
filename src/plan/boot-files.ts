/** Where the base system's distribution keeps what boots a machine. */
import type { Config } from '../config/index.ts';
import { baseDistro, DISTROS } from '../distro/data.ts';
import type { BootFiles, KernelFiles, LoaderNames } from '../distro/types.ts';
import { OsmithError } from '../errors.ts';

export function bootFiles(config: Config, arch: string): BootFiles | KernelFiles {
  const { title, boot, notBootable } = baseDistro(config);
  const files = boot[arch];
  if (files !== undefined) return files;
  if (notBootable !== undefined) {
    throw new OsmithError('E_CONFIG', `${title} cannot be booted: ${notBootable}`, {
      where: config.where('bootstrap', 'distro'),
      hint: 'Make a root file system and an image for containers of it: --product container',
    });
  }
  const known = Object.entries(DISTROS).flatMap(([name, each]) => (arch in each.boot ? [name] : []));
  throw new OsmithError('E_CONFIG', `${title} cannot be booted on ${arch}`, {
    where: config.where('bootstrap', 'distro'),
    hint:
      known.length > 0
        ? `On ${arch} these can: ${known.join(', ')}`
        : `For ${arch} there are root file systems (--product container) and compositions (osmith compose)`,
  });
}

/** The same for what takes signed boot loaders from this distribution. Throws E_CONFIG if it has none. */
export function signedBootFiles(config: Config, arch: string): BootFiles {
  const boot = bootFiles(config, arch);
  if ('shim' in boot) return boot;
  const { title } = baseDistro(config);
  throw new OsmithError('E_CONFIG', `${title} has no signed boot loaders, which this system needs`, {
    where: config.where('bootstrap', 'distro'),
    hint: 'Systems that run from memory can do without (image.system = memory); or choose another branch',
  });
}

/** For steps that put loaders beside shim. */
export function namesParam({ names }: BootFiles): { names?: LoaderNames } {
  return names === undefined ? {} : { names };
}
