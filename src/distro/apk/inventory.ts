import type { StepContext, Tree } from '../../steps/types.ts';
import { byName } from '../inventory.ts';
import type { InstalledPackage } from '../types.ts';
import { parsePackage } from './package-index.ts';
import { readState } from './state.ts';

/** What apk's database says to be installed. */
export async function inventory(context: StepContext<unknown>, tree: Tree): Promise<InstalledPackage[]> {
  const { records } = await readState(context, tree);
  const packages = records.flatMap(({ head }) => parsePackage(head.join('\n')) ?? []);
  return packages
    .map(({ name, version, arch, installedSize }) => ({ name, version, arch, size: installedSize }))
    .sort(byName);
}
