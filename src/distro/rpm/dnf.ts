/** Which package files make the system: dnf's own answer (resolve.py). */
import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { StepContext } from '../../steps/types.ts';
import type { PackageFile, ResolveRequest } from '../types.ts';
import { rpmError } from './errors.ts';
import { validKeys } from './keys.ts';
import { rpmArch, type RpmData } from './types.ts';

export interface Solved {
  base: PackageFile[];
  extra: PackageFile[];
}

export async function solveByDnf(context: StepContext<ResolveRequest>, rpm: RpmData): Promise<Solved> {
  const { params, work } = context;
  const arch = rpmArch(params.arch);
  const keys = await validKeys(context, rpm);
  const repositories = Object.entries(rpm.repositories(params, arch)).map(([name, url]) => ({
    ...{ name, url, keys, signed: rpm.signedIndex },
  }));
  const { base, extra, suite } = params;
  const platform = rpm.platform?.(suite) ?? '';
  const request = { repositories, release: suite, arch, platform, base, extra };
  await writeFile(join(work, 'request.json'), JSON.stringify(request));
  await copyFile(join(import.meta.dirname, 'resolve.py'), join(work, 'resolve.py'));
  context.progress('package index and dependencies');
  try {
    const argv = ['python3', '/work/resolve.py', '/work/request.json'];
    const { stdout } = await context.exec({ argv, stdout: 'capture' });
    return JSON.parse(stdout.slice(stdout.lastIndexOf('\n{') + 1)) as Solved;
  } catch (error) {
    throw rpmError(error, params, rpm.data.title);
  }
}
