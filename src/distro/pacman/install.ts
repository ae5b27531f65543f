/** Makes systems and adds packages to them by pacman, from the package files that were resolved: without network. */
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { StepContext, Tree } from '../../steps/types.ts';
import { beginTree, clean, finishTree } from '../clean.ts';
import type { BootstrapParams, InstallParams, PackageList, Source, Unpacking } from '../types.ts';
import { CONFIG, server, stepConfig, withNoExtract } from './config.ts';
import { descriptionDir, parseDescription, splitIndex } from './desc.ts';
import { pacmanError } from './errors.ts';
import { makeKeyring } from './keyring.ts';

type Context = StepContext<Source & Unpacking>;

/** The index of the repository that the package files make. */
const REPOSITORY = 'osmith';

/** Package files with the signatures beside them, where pacman looks for what it need not download. */
async function fillCache(context: Context, { packages }: PackageList): Promise<void> {
  const cache = join(context.work, 'cache');
  await mkdir(cache);
  for (const { file, signature } of packages) {
    await symlink(`/in/packages/${file}`, join(cache, file));
    if (signature !== undefined)
      await writeFile(join(cache, `${file}.sig`), Buffer.from(signature, 'base64'));
  }
}

async function writeIndex(context: Context, { index }: PackageList): Promise<void> {
  for (const text of splitIndex(index)) {
    const dir = join(context.work, 'index', descriptionDir(parseDescription(text)));
    await mkdir(dir, { recursive: true });
    await writeFile(join(dir, 'desc'), text);
  }
  await mkdir(join(context.work, 'hooks'));
}

/** A hook of the same name that leads nowhere, for each of the packages': scripts are not all that they run. */
const MASK_HOOKS = `for file in /in/packages/*; do
  pacman --config "$1" -Qlqp "$file" < /dev/null
done | sed -n 's|^/usr/share/libalpm/hooks/\\(.*\\.hook\\)$|\\1|p' | sort -u > /work/masked
while read -r hook; do ln -s /dev/null "/work/hooks/$hook"; done < /work/masked
`;

/** pacman notes the time of the installation, and goes on when a script fails. */
const INSTALL = `root=$1 epoch=$2
shift 2
mkdir -p "$root/var/lib/pacman/sync" "$root/var/cache/pacman/pkg"
(cd /work/index && tar -c -f "$root/var/lib/pacman/sync/${REPOSITORY}.db" -- *)
{ "$@" < /dev/null && : > /work/done; } 2>&1 | tee /work/said
test -e /work/done
if grep -q '^error: command failed to execute' /work/said; then exit 1; fi
rm -r "$root/var/lib/pacman/sync"
find "$root/var/lib/pacman/local" -name desc -newer /work/pacman.conf -exec sed -i "/^%INSTALLDATE%\\$/{n;s/.*/$epoch/}" {} +
`;

async function installInto(
  context: Context,
  list: PackageList,
  tree: Tree,
  targets: string[],
): Promise<void> {
  const { arch, scripts, noExtract } = context.params;
  const repository = { name: REPOSITORY, server: 'file:///work/cache', own: true };
  await writeFile(join(context.work, 'pacman.conf'), stepConfig(arch, [repository], noExtract));
  await writeIndex(context, list);
  await fillCache(context, list);
  await makeKeyring(context);
  if (!scripts) await context.exec({ argv: ['sh', '-euc', MASK_HOOKS, 'sh', CONFIG] });
  context.progress('installing');
  const pacman = [
    ...['pacman', '--config', CONFIG, '--root', '/tree', '--noconfirm', '--needed', '--noprogressbar'],
    ...['--cachedir', '/work/cache', ...(scripts ? [] : ['--noscriptlet'])],
  ];
  try {
    await context.exec({
      argv: ['sh', '-euc', INSTALL, 'sh', '/tree', String(context.epoch), ...pacman, '-S', ...targets],
      trees: { '/tree': { tree, writable: true } },
      system: '/tree',
    });
  } catch (error) {
    throw pacmanError(error, context.params);
  }
  await clean(context, tree, ['etc/pacman.d/gnupg', 'var/cache/pacman/pkg/*']);
}

const CONFIGURE = `install -D -m 644 /work/system.conf /tree/etc/pacman.conf
install -D -m 644 /work/mirrorlist /tree/etc/pacman.d/mirrorlist
`;

export async function bootstrap(context: StepContext<BootstrapParams>, list: PackageList): Promise<Tree> {
  const { include, noExtract } = context.params;
  const tree = await beginTree(context);
  await installInto(context, list, tree, include);
  const sources = await readFile(context.path('sources'), 'utf8');
  await writeFile(join(context.work, 'system.conf'), withNoExtract(sources, noExtract));
  await writeFile(join(context.work, 'mirrorlist'), `Server = ${server(context.params)}\n`);
  await context.exec({
    argv: ['sh', '-euc', CONFIGURE],
    trees: { '/tree': { tree, writable: true } },
  });
  return finishTree(context, tree);
}

export async function install(
  context: StepContext<InstallParams>,
  list: PackageList,
  base: Tree,
): Promise<void> {
  await installInto(context, list, base, context.params.packages);
}
