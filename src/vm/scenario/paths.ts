/** Files that scenarios name. */
import { basename, dirname, resolve } from 'node:path';
import type { Scenario } from './types.ts';

/** Where paths of a scenario begin: the workspace that has it in `scenarios/`, else the directory of its file. */
export function scenarioRoot({ file }: Pick<Scenario, 'file'>): string {
  const dir = dirname(resolve(file));
  return basename(dir) === 'scenarios' ? dirname(dir) : dir;
}

export function workspacePath(scenario: Pick<Scenario, 'file'>, path: string): string {
  return resolve(scenarioRoot(scenario), path);
}
