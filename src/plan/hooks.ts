/** Hooks of the workspace: found, read for what they declare, and turned into a chain of steps. */
import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config/index.ts';
import { toEnv } from '../config/env.ts';
import { OsmithError } from '../errors.ts';
import { nearest } from '../config/nearest.ts';
import { PROGRAMS } from './programs.ts';
import { sourceInput } from './source.ts';
import type { Input, Step } from './types.ts';

/** The shell library that sourced hooks get. */
const LIBRARY = 'hooks/lib.sh';

/** What a hook says about itself in comment lines `# osmith: KEY VALUE...`. */
export interface Declarations {
  /** Paths below the workspace's `data/` that it reads. */
  data: string[];
  /** Programs that Osmith makes, which it installs. */
  programs: string[];
  /** Whether it needs the network. */
  network: boolean;
  /** Whether it reads variables by computed names, so that all of them count as its inputs. */
  allEnv: boolean;
}

export function parseDeclarations(text: string, file: string): Declarations {
  const found: Declarations = { data: [], programs: [], network: false, allEnv: false };
  text.split('\n').forEach((line, index) => {
    const match = line.match(/^#\s*osmith:\s*(\S+)\s*(.*)$/);
    if (match === null) return;
    const [, key, value = ''] = match;
    const words = value.split(/\s+/).filter(Boolean);
    if (key === 'data') found.data.push(...words);
    else if (key === 'program') found.programs.push(...words);
    else if (key === 'network') found.network = true;
    else if (key === 'env' && value === 'all') found.allEnv = true;
    else {
      throw new OsmithError('E_CONFIG', `Unknown declaration "osmith: ${key} ${value}" in a hook`, {
        where: { file, line: index + 1 },
        hint: 'Known: `data PATH...`, `program NAME...`, `network`, `env all`',
      });
    }
  });
  return found;
}

/** The variables a script can read: those it names. */
export function usedVariables(text: string, all: Record<string, string>): Record<string, string> {
  const named = new Set(text.match(/\bOSMITH_[A-Z0-9_]+/g));
  return Object.fromEntries(Object.entries(all).filter(([name]) => named.has(name)));
}

function findHook(config: Config, group: string, name: string): string {
  const path = join('hooks', group, name);
  if (!name.includes('/') && existsSync(join(config.workspace, path))) return path;
  const dir = join(config.workspace, 'hooks', group);
  const known = existsSync(dir) ? readdirSync(dir) : [];
  const close = nearest(name, known);
  throw new OsmithError('E_HOOK_MISSING', `There is no hook ${name} in ${join('hooks', group)}`, {
    where: config.where(group, 'hooks'),
    hint: close === undefined ? `It has: ${known.sort().join(' ')}` : `Did you mean ${close}?`,
  });
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export interface HookChain {
  config: Config;
  group: string;
  /** The tree that the first hook works on. */
  base: { step: string; output: string };
  tools?: string;
}

/** One step per hook, bytewise in order of names, each on the tree that the one before made. */
export function hookSteps({ config, group, base, tools }: HookChain): { steps: Step[]; tree: typeof base } {
  const names = config.list(group, 'hooks').sort();
  const variables = toEnv(config, 'OSMITH');
  let tree = base;
  const faults: OsmithError[] = [];
  const steps = names.flatMap((name): Step[] => {
    try {
      const step = hookStep(
        { config, group, base: tree, ...(tools === undefined ? {} : { tools }) },
        name,
        variables,
      );
      tree = { step: step.id, output: 'tree' };
      return [step];
    } catch (error) {
      if (!(error instanceof OsmithError)) throw error;
      faults.push(error);
      return [];
    }
  });
  const [first, ...also] = faults;
  if (first !== undefined) throw new OsmithError(first.code, first.message, { ...first.details, also });
  return { steps, tree };
}

function hookStep(
  { config, group, base, tools }: HookChain,
  name: string,
  variables: Record<string, string>,
): Step {
  const path = findHook(config, group, name);
  const file = join(config.workspace, path);
  const text = readFileSync(file, 'utf8');
  const declared = parseDeclarations(text, file);
  const executable = isExecutable(file);
  const type = name.endsWith('.chroot') ? 'chroot' : executable ? 'executable' : 'sourced';
  const inputs: Record<string, Input> = { base, hook: sourceInput(config.workspace, path) };
  let script = text;
  if (type === 'sourced') {
    inputs['lib'] = sourceInput(config.workspace, LIBRARY);
    script += readFileSync(join(config.workspace, LIBRARY), 'utf8');
  }
  for (const data of declared.data)
    inputs[`data/${data}`] = sourceInput(config.workspace, join('data', data));
  for (const program of declared.programs) {
    if (!PROGRAMS.includes(program)) {
      throw new OsmithError('E_CONFIG', `Osmith makes no program ${program}`, {
        where: { file },
        hint: `Known: ${PROGRAMS.join(', ')}`,
      });
    }
    inputs[`programs/${program}`] = { step: `programs/${program}`, output: program };
  }
  return {
    id: `${group}/${name}`,
    kind: 'hook',
    stage: group,
    params: {
      ...{ group, name, type, executable },
      arch: config.attributes['arch']!,
      env: declared.allEnv ? variables : usedVariables(script, variables),
    },
    inputs,
    ...(tools === undefined ? {} : { tools }),
    ...(declared.network ? { network: true } : {}),
  };
}
