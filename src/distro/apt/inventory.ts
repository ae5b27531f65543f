import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { copyFiles } from '../../disk/tree-files.ts';
import type { StepContext, Tree } from '../../steps/types.ts';
import { byName } from '../inventory.ts';
import type { InstalledPackage } from '../types.ts';
import { parseControl } from './control.ts';

const STATUS = 'var/lib/dpkg/status';

/** Installed packages out of dpkg's status file, sorted by name. */
export function installedPackages(status: string): InstalledPackage[] {
  return parseControl(status)
    .filter((fields) => fields.get('status')?.endsWith(' installed'))
    .map((fields) => ({
      name: fields.get('package')!,
      version: fields.get('version')!,
      arch: fields.get('architecture')!,
      size: Number(fields.get('installed-size') ?? 0) * 1024,
    }))
    .sort(byName);
}

/** The time in the first member header of a .deb, an ar(5) archive: when the package was built. */
export async function packageDate(file: string): Promise<number> {
  const handle = await open(file, 'r');
  try {
    const { buffer } = await handle.read(Buffer.alloc(68), 0, 68, 0);
    return Number(buffer.toString('latin1', 24, 36).trim()) || 0;
  } finally {
    await handle.close();
  }
}

export async function inventory(context: StepContext<unknown>, tree: Tree): Promise<InstalledPackage[]> {
  await copyFiles(context, tree, new Map([[STATUS, 'status']]));
  return installedPackages(await readFile(join(context.work, 'status'), 'utf8'));
}
