/** Steps that make programs of Osmith's own, for hooks to install. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Json, Step } from './types.ts';

export const PROGRAMS = ['agent'];

interface PackageFile {
  version: string;
  dependencies: Record<string, string>;
}

function packageFile(): PackageFile {
  return JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')) as PackageFile;
}

export function programSteps(arch: string): Step[] {
  const { version, dependencies } = packageFile();
  const params: Record<string, Json> = { arch, version, dependencies };
  return [{ id: 'programs/agent', kind: 'agent', stage: 'programs', params, inputs: {} }];
}
