/** What users name to have a Docker official image checked: what a release left, or a release repository. */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Check } from '../verify-types.ts';
import { gitSays } from './git.ts';
import { lintOfficial, lintRepository } from './lint.ts';
import { libraryPath } from './proposal.ts';
import { REPOSITORY } from './publish.ts';
import { localRefs } from './refs.ts';

/** Undefined: the directory is neither. */
export async function verifyOfficial(dir: string, signal?: AbortSignal): Promise<Check[] | undefined> {
  if (existsSync(join(dir, REPOSITORY)) && existsSync(join(dir, 'library'))) {
    const names = (await readdir(join(dir, 'library'))).sort();
    const options = { repository: join(dir, REPOSITORY), signal };
    const checks = names.map(async (name) =>
      lintOfficial(await readFile(join(dir, libraryPath(name)), 'utf8'), libraryPath(name), options),
    );
    return (await Promise.all(checks)).flat();
  }
  const isRepository = existsSync(join(dir, 'objects')) || existsSync(join(dir, '.git'));
  const options = { repository: dir, signal };
  if (!isRepository || !(await gitSays(['rev-parse', '--git-dir'], options).catch(() => false)))
    return undefined;
  return lintRepository(options, await localRefs(options));
}
