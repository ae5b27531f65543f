/** The minimum viable system, by mmdebstrap from the package files that were resolved: without network. */
import { copyFile, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OsmithError } from '../../errors.ts';
import { isForeign } from '../../run/emulation.ts';
import type { ExecOptions, StepContext, Tree } from '../../steps/types.ts';
import type { BootstrapParams, PackageList } from '../types.ts';
import { aptError } from './errors.ts';
import { execTelling } from './told.ts';

/** A flat repository (sources.list(5), "exact path") of the package files, which are at `packages`. */
export async function writeRepository(work: string, list: PackageList, packages: string): Promise<void> {
  const dir = join(work, 'repo');
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, 'Packages'), list.index);
  await symlink(packages, join(dir, 'packages'));
}

/** Where the system is put together: an empty tree, which is thrown away. Syncing, which dpkg does a lot, costs nothing there. */
const SCRATCH = '/scratch';

/** dpkg's options (dpkg(1), "path-exclude"), which the finished system keeps. */
export function pathOptions(noExtract: string[]): string[] {
  return noExtract.map((pattern) => {
    const [option, path] = pattern.startsWith('!') ? ['include', pattern.slice(1)] : ['exclude', pattern];
    return `--dpkgopt=path-${option}=/${path}`;
  });
}

export async function bootstrap(
  context: StepContext<BootstrapParams>,
  list: PackageList,
  title: string,
): Promise<Tree> {
  const { arch, include, noExtract, scripts } = context.params;
  if (!scripts) {
    throw new OsmithError('E_CONFIG', `${title}'s packages cannot be installed without their scripts`, {
      hint: 'Leave out bootstrap.scripts',
    });
  }
  await writeRepository(context.work, list, '/in/packages');
  await copyFile(context.path('sources'), join(context.work, 'sources.list'));
  const options = [
    '--mode=root',
    '--variant=minbase',
    '--format=tar',
    `--architectures=${arch}`,
    '--skip=check/qemu,check/signed-by',
    ...(include.length === 0 ? [] : [`--include=${include.join(',')}`]),
    ...pathOptions(noExtract),
    // The sources of the finished system are the distribution's, not the local files it was made of.
    '--customize-hook=cp /work/sources.list "$1/etc/apt/sources.list"',
    '--customize-hook=rm -f "$1/etc/resolv.conf" "$1/etc/hostname"',
    // mmdebstrap knows of apt's and dpkg's own leftovers, not of what scripts leave.
    '--customize-hook=rm -f "$1"/etc/ssh/ssh_host_* "$1"/var/log/*.log',
  ];
  const place = ['', '/work/root.tar', 'deb [trusted=yes] copy:/work/repo ./'];
  try {
    const run: ExecOptions = {
      argv: ['mmdebstrap', ...options, ...place],
      env: { TMPDIR: SCRATCH, DEBIAN_FRONTEND: 'noninteractive' },
      trees: { [SCRATCH]: { tree: { layers: [] }, writable: true } },
      ...(isForeign(arch) ? { arch } : {}),
    };
    await execTelling(context, run, '/work');
  } catch (error) {
    throw aptError(error, context.params, title);
  }
  context.progress('storing the tree');
  return context.importTar('root.tar');
}
