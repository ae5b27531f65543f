/** Steps that make programs of Osmith's own, for hooks and packages to install. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Json, Step, StepInput } from './types.ts';

export const PROGRAMS = ['agent', 'installer'] as const;
export type Program = (typeof PROGRAMS)[number];

interface PackageFile {
  version: string;
  dependencies: Record<string, string>;
}

function packageFile(): PackageFile {
  return JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')) as PackageFile;
}

const STAGE = 'programs';

/** Where a program comes from. `prefix`: what the ids of its steps begin with. */
export function programInput(name: Program, prefix = STAGE): StepInput {
  return { step: `${prefix}/${name}`, output: 'program' };
}

export function programSteps(arch: string, prefix = STAGE, programs: readonly Program[] = PROGRAMS): Step[] {
  const { version, dependencies } = packageFile();
  return programs.map((program): Step => {
    const params: Record<string, Json> = { program, arch, version, dependencies };
    return { id: `${prefix}/${program}`, kind: 'program', stage: prefix.split('/')[0]!, params, inputs: {} };
  });
}
