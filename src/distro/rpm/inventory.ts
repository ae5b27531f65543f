/** RPM's database, as rpm(8) reads it. */
import { copyFiles, findFiles } from '../../disk/tree-files.ts';
import type { StepContext, Tree } from '../../steps/types.ts';
import { byName } from '../inventory.ts';
import type { InstalledPackage } from '../types.ts';
import type { RpmData } from './types.ts';

const FORMAT = '%{NAME}\\t%{EPOCHNUM}\\t%{VERSION}-%{RELEASE}\\t%{ARCH}\\t%{LONGSIZE}\\n';

/** Keys are in the database too, as if they were packages. */
export function parseQuery(text: string): InstalledPackage[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('gpg-pubkey\t'))
    .map((line) => {
      const [name, epoch, version, arch, size] = line.split('\t') as [string, string, string, string, string];
      return { name, version: epoch === '0' ? version : `${epoch}:${version}`, arch, size: Number(size) };
    })
    .sort(byName);
}

export async function inventory(
  context: StepContext<unknown>,
  tree: Tree,
  { database, backend }: RpmData,
): Promise<InstalledPackage[]> {
  const files = await findFiles(context, tree, (path) => path.startsWith(`${database}/`));
  await copyFiles(
    context,
    tree,
    new Map(files.map(({ path, content }) => [content, `rpmdb/${path.slice(database.length + 1)}`])),
  );
  const where = ['--define', `_db_backend ${backend}`, '--dbpath', '/work/rpmdb'];
  const argv = ['rpm', ...where, '--query', '--all', '--queryformat', FORMAT];
  const { stdout } = await context.exec({ argv, stdout: 'capture' });
  return parseQuery(stdout);
}
