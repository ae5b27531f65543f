/** Finds scenarios: `scenarios/NAME.yaml` in the local directory or the workspace, or any file by its path. */
import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { nearest } from '../../config/nearest.ts';
import { isSystemError, OsmithError } from '../../errors.ts';
import { parseScenario } from './parse.ts';
import { STEP_KINDS } from './steps.ts';
import type { Scenario } from './types.ts';

async function readIfThere<T>(read: Promise<T>): Promise<T | undefined> {
  try {
    return await read;
  } catch (error) {
    if (isSystemError(error) && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Names of all scenarios in these workspaces, sorted. */
export async function scenarioNames(workspaces: string[]): Promise<string[]> {
  const lists = await Promise.all(workspaces.map((dir) => readIfThere(readdir(join(dir, 'scenarios')))));
  const files = lists.flatMap((list) => list ?? []).filter((name) => name.endsWith('.yaml'));
  return [...new Set(files.map((name) => name.slice(0, -'.yaml'.length)))].sort();
}

/** Looks whether what the steps name is there, before a machine is started for it. */
async function checked(scenario: Scenario): Promise<Scenario> {
  for (const { kind, params } of scenario.steps) await STEP_KINDS[kind]!.check?.(scenario, params);
  return scenario;
}

/** Reads a scenario; the first workspace that has it counts. */
export async function loadScenario(name: string, workspaces: string[]): Promise<Scenario> {
  const isPath = name.endsWith('.yaml');
  const files = isPath ? [resolve(name)] : workspaces.map((dir) => join(dir, 'scenarios', `${name}.yaml`));
  for (const file of files) {
    const text = await readIfThere(readFile(file, 'utf8'));
    if (text !== undefined) return checked(parseScenario(text, file));
  }
  const known = await scenarioNames(workspaces);
  const close = nearest(name, known);
  throw new OsmithError('E_USAGE', `There is no scenario ${name}`, {
    hint: close === undefined ? `There are: ${known.join(', ')}` : `Did you mean ${close}?`,
  });
}
