/** The keys that sign packages and indexes. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { OsmithError } from '../../errors.ts';
import type { StepContext } from '../../steps/types.ts';
import type { Source } from '../types.ts';
import type { RpmData } from './types.ts';

/** Paths in the sandbox. */
async function keyFiles(context: StepContext<Source>, rpm: RpmData): Promise<string[]> {
  const { keyring, suite } = context.params;
  if (keyring === '') return rpm.keys(suite);
  const path = context.path('keyring');
  if (!(await stat(path)).isDirectory()) return [keyring];
  return (await readdir(path)).sort().map((name) => join(keyring, name));
}

/** Those that have not expired and are not revoked: rpm itself takes what such keys signed. Throws E_SIGNATURE if none is. */
export async function validKeys(context: StepContext<Source>, rpm: RpmData): Promise<string[]> {
  const valid: string[] = [];
  for (const key of await keyFiles(context, rpm)) {
    const argv = ['gpg', '--batch', '--homedir', '/tmp', '--show-keys', '--with-colons', key];
    const { stdout } = await context.exec({ argv, stdout: 'capture' });
    if (/^pub:(?![er])/m.test(stdout)) valid.push(key);
  }
  if (valid.length > 0) return valid;
  throw new OsmithError('E_SIGNATURE', 'The keys that sign the packages have expired', {
    hint: 'Name newer ones with bootstrap.keyring',
  });
}
