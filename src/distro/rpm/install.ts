/** Makes systems and adds packages to them by rpm itself, from the package files that were resolved: without network. */
import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isForeign } from '../../run/emulation.ts';
import type { StepContext, Tree } from '../../steps/types.ts';
import { OsmithError } from '../../errors.ts';
import { beginTree, clean, finishTree } from '../clean.ts';
import type { BootstrapParams, InstallParams, PackageList, Source, Unpacking } from '../types.ts';
import { distrusted, rpmError } from './errors.ts';
import { validKeys } from './keys.ts';
import type { RpmData } from './types.ts';

type Context = StepContext<Source & Unpacking>;

/** Every package must be signed, by one of the keys. */
const VERIFY = [
  'rpmkeys',
  '--define',
  '_keyring rpmdb',
  '--define',
  '_pkgverify_level all',
  '--dbpath',
  '/work/keys',
];

async function verify(context: Context, rpm: RpmData, files: string[]): Promise<void> {
  for (const key of await validKeys(context, rpm)) await context.exec({ argv: [...VERIFY, '--import', key] });
  try {
    await context.exec({ argv: [...VERIFY, '--checksig', ...files], stdout: { file: 'checked' } });
  } catch (error) {
    if (!(error instanceof OsmithError) || error.code !== 'E_TOOL') throw error;
    const checked = (await readFile(join(context.work, 'checked'), 'utf8')).trim().split('\n');
    throw distrusted(checked, error);
  }
}

/** rpm(8) only knows what begins with a path, which patterns would not be. */
function excludes(noExtract: string[]): string[] {
  const pattern = noExtract.find((path) => /[*?[!]/.test(path));
  if (pattern === undefined) return noExtract.map((path) => `--excludepath=/${path}`);
  throw new OsmithError(
    'E_CONFIG',
    `bootstrap.no_extract: RPM leaves out whole directories only, not ${pattern}`,
    {
      hint: 'Name directories, such as usr/share/man',
    },
  );
}

/**
 * rpm goes on when a script fails. Its database is left without a log of what is to be written to it: beside one that has
 * such a log SQLite wants to write even to read, which cannot be where /usr is read-only. What rpm leaves beside it is of
 * processes that are gone.
 */
const INSTALL = `database=$1
shift
{ "$@" && : > /work/done; } 2>&1 | tee /work/said
test -e /work/done
if grep -q 'scriptlet failed' /work/said; then exit 1; fi
if [ -e "$database/rpmdb.sqlite" ]; then python3 /work/settle.py "$database/rpmdb.sqlite"; fi
rm -f "$database/.rpm.lock"
`;

/** The kernel's interfaces are in place, and not ours to change: a package that has their directories leaves them alone. */
const MOUNTED = '/dev:/proc:/sys';

async function installInto(context: Context, rpm: RpmData, list: PackageList, tree: Tree): Promise<void> {
  const { arch, scripts, noExtract } = context.params;
  const options = excludes(noExtract);
  const files = list.packages.map(({ file }) => join('/in/packages', file));
  try {
    context.progress('signatures');
    await verify(context, rpm, files);
    context.progress('installing');
    await copyFile(join(import.meta.dirname, 'settle.py'), join(context.work, 'settle.py'));
    const rpmArgv = [
      ...['rpm', '--root', '/tree', '--dbpath', `/${rpm.database}`, '--define', `_db_backend ${rpm.backend}`],
      ...['--define', `_netsharedpath ${MOUNTED}`],
      ...['--upgrade', '--nosignature', '--ignoreos', '--ignorearch', ...options],
      ...(scripts ? [] : ['--noscripts', '--notriggers']),
    ];
    await context.exec({
      argv: ['sh', '-euc', INSTALL, 'sh', join('/tree', rpm.database), ...rpmArgv, ...files],
      trees: { '/tree': { tree, writable: true } },
      system: '/tree',
      // The kernel packages' scripts make no initramfs when told so: ours is another one.
      env: { KERNEL_INSTALL_BYPASS: '1' },
      ...(isForeign(arch) ? { arch } : {}),
    });
  } catch (error) {
    throw rpmError(error, context.params, rpm.data.title);
  }
  await clean(context, tree, ['var/cache/dnf/*', 'var/cache/zypp/*']);
}

export async function bootstrap(
  context: StepContext<BootstrapParams>,
  rpm: RpmData,
  list: PackageList,
): Promise<Tree> {
  const tree = await beginTree(context);
  await installInto(context, rpm, list, tree);
  return finishTree(context, tree);
}

export async function install(
  context: StepContext<InstallParams>,
  rpm: RpmData,
  list: PackageList,
  base: Tree,
): Promise<void> {
  await installInto(context, rpm, list, base);
}
