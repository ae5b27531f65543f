/** Hooks of the workspace as steps, group by group. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { variableName } from '../config/env.ts';
import type { Config } from '../config/index.ts';
import { words } from '../config/text.ts';
import { OsmithError } from '../errors.ts';
import { checkFaults, optionPath, optionText, pathOptions } from './checks/index.ts';
import { parseDeclarations, usedVariables, type Declarations } from './declarations.ts';
import { findHook, findSource, type HookFile } from './find-hook.ts';
import { eibEnvironment, hookVariables, placePaths } from './hook-env.ts';
import { programInput, PROGRAMS } from './programs.ts';
import { sourceInput } from './source.ts';
import type { Input, Step, StepInput } from './types.ts';

export type Group = 'refine' | 'content' | 'image' | 'manifest' | 'publish' | 'error';

/** Functions for hooks that bash sources; a workspace may have more of its own in `hooks/lib.sh`. */
const LIBRARY = join(import.meta.dirname, '../steps/hook/lib.sh');
const OWN_LIBRARY = 'hooks/lib.sh';

/** What the hooks of a group change. The others change nothing here. */
const WRITES: Partial<Record<Group, string>> = { refine: 'tree', image: 'tree', content: 'content' };

/** Groups whose effects are outside. */
const OUTSIDE: Group[] = ['publish', 'error'];

export interface HookGroup {
  config: Config;
  group: Group;
  tools?: string;
  /** The tree: that which the first hook changes, or which all hooks see. */
  base?: StepInput;
  /** Steps of the content hooks. */
  content?: Step[];
  /** Further inputs of every hook. */
  inputs?: Record<string, Input>;
  /** Further variables of every hook. */
  env?: Record<string, string>;
}

export interface HookSteps {
  steps: Step[];
  /** The tree after all hooks. */
  tree?: StepInput;
  faults: OsmithError[];
}

/** A hook with what it says about itself. */
interface Hook {
  name: string;
  file: HookFile;
  declared: Declarations;
}

function readHook(config: Config, group: Group, name: string): Hook {
  const file = findHook(config, group, name);
  return { name, file, declared: parseDeclarations(file.text, file.file) };
}

/** Whether a hook has something to do: a hook for options that nobody sets is no step. */
function isActive(config: Config, { when }: Declarations): boolean {
  return (
    when.length === 0 || when.some((name) => !['', 'false'].includes(optionText(config, name).toLowerCase()))
  );
}

/** Names of a group's hooks in the order in which they run. */
function hookNames(config: Config, group: Group): string[] {
  // A workspace need not declare every group.
  const listed = config.find(group, 'hooks') === undefined ? [] : config.list(group, 'hooks');
  return [...new Set(listed)].sort();
}

/** Names of the hooks that would run. */
export function activeHooks(config: Config, group: Group): string[] {
  return hookNames(config, group).filter((name) => isActive(config, readHook(config, group, name).declared));
}

/** One step per hook, bytewise in order of names. Those that change the tree, or publish, run one after the other. */
export function hookSteps(request: HookGroup): HookSteps {
  const { config, group } = request;
  const variables = hookVariables(config);
  const faults: OsmithError[] = [];
  const steps: Step[] = [];
  let tree = request.base;
  for (const name of hookNames(config, group)) {
    try {
      const hook = readHook(config, group, name);
      if (!isActive(config, hook.declared)) continue;
      faults.push(...checkFaults(config, hook.declared.checks));
      const previous = group === 'publish' ? steps.at(-1)?.id : undefined;
      const step = hookStep({ ...request, ...(tree && { base: tree }) }, hook, variables, steps);
      if (previous !== undefined) step.inputs['after'] = { step: previous, output: 'done' };
      steps.push(step);
      if (WRITES[group] === 'tree') tree = { step: step.id, output: 'tree' };
    } catch (error) {
      if (!(error instanceof OsmithError)) throw error;
      faults.push(error);
    }
  }
  return { steps, faults, ...(tree && { tree }) };
}

/** The hooks that run when a build has failed. `inputs` and `env` tell them what happened. */
export function errorSteps(
  config: Config,
  told: { inputs?: Record<string, Input>; env?: Record<string, string>; tools?: string } = {},
): HookSteps {
  return hookSteps({ config, group: 'error', ...told });
}

/** Throws the faults of all groups as one. */
export function throwFaults(faults: OsmithError[]): void {
  const [first, ...also] = faults;
  if (first !== undefined) throw new OsmithError(first.code, first.message, { ...first.details, also });
}

function hookStep(
  { config, group, base, tools, content = [], inputs: given = {}, env: more = {} }: HookGroup,
  { name, file: hook, declared }: Hook,
  variables: Record<string, string>,
  before: Step[],
): Step {
  const contentHooks = group === 'content' ? before : content;
  const inputs: Record<string, Input> = {
    ...baseInput(group, base, declared, hook),
    ...given,
    hook: hook.input,
    ...contentInputs(declared, contentHooks, config, hook),
    ...dataInputs(declared, config, hook),
    ...programInputs(declared, hook),
  };
  let script = hook.text;
  if (hook.type === 'sourced') {
    const own = findSource(config, OWN_LIBRARY);
    if (own !== undefined) {
      inputs['lib'] = own;
      script += readFileSync(resolve(config.workspace, own.source), 'utf8');
    }
    script += readFileSync(LIBRARY, 'utf8');
  }
  const named = usedVariables(script, variables);
  const used = { ...(declared.allEnv ? variables : named) };
  // What is checked as a path may be relative to the workspace.
  for (const option of pathOptions(declared.checks)) {
    const variable = variableName('OSMITH', ...optionPath(option));
    if (used[variable] === undefined) continue;
    used[variable] = words(used[variable])
      .map((path) => resolve(config.workspace, path))
      .join(' ');
  }
  const placed = placePaths(config, used, {
    inside: hook.type === 'chroot',
    named: (variable) => Object.hasOwn(named, variable),
  });
  return {
    id: `${group}/${name}`,
    kind: 'hook',
    stage: group,
    params: {
      ...{ group, name, type: hook.type, executable: hook.executable },
      arch: config.attributes['arch']!,
      writes: WRITES[group] ?? 'nothing',
      ...(eibEnvironment(config) ? { eib: true } : {}),
      env: { ...placed.env, ...more },
    },
    inputs: { ...inputs, ...placed.inputs },
    ...(tools === undefined ? {} : { tools }),
    ...(declared.network ? { network: true } : {}),
    ...(declared.credentials.length > 0 ? { credentials: declared.credentials } : {}),
    ...(OUTSIDE.includes(group) ? { outside: true } : {}),
  };
}

/** The tree, for those who have one: content is mostly fetched for any tree, so that its hooks have to say if not. */
function baseInput(
  group: Group,
  base: StepInput | undefined,
  { tree }: Declarations,
  { type, file }: HookFile,
): Record<string, Input> {
  const wanted = group !== 'content' || tree || type === 'chroot';
  if (base !== undefined) return wanted ? { base } : {};
  if (type !== 'chroot') return {};
  throw new OsmithError('E_WORKSPACE', `Hooks of the group ${group} have no tree to run in`, {
    where: { file },
    hint: 'Call it without .chroot: it then runs beside the artifacts',
  });
}

function contentInputs(
  { content }: Declarations,
  hooks: Step[],
  config: Config,
  { file }: HookFile,
): Record<string, Input> {
  const ids = hooks.map(({ id }) => id);
  const wanted = content === 'all' ? ids : content.map((name) => `content/${name}`);
  for (const id of wanted) {
    if (ids.includes(id)) continue;
    throw new OsmithError('E_CONFIG', `No hook ${id} runs before this one`, {
      where: { file },
      hint: `content.hooks has: ${config.list('content', 'hooks').sort().join(' ') || 'none'}`,
    });
  }
  return Object.fromEntries(wanted.map((id) => [id, { step: id, output: 'content' }]));
}

function dataInputs({ data }: Declarations, config: Config, { file }: HookFile): Record<string, Input> {
  const inputs = data.map((path): [string, Input] => {
    if (path.split('/').includes('..')) {
      throw new OsmithError('E_CONFIG', `Declared data ${path} leads out of data/`, { where: { file } });
    }
    const source = join('data', path);
    return [`data/${path}`, findSource(config, source) ?? sourceInput(config.workspace, source)];
  });
  return Object.fromEntries(inputs);
}

function programInputs({ programs }: Declarations, { file }: HookFile): Record<string, Input> {
  const inputs = programs.map((program): [string, Input] => {
    const known = PROGRAMS.find((name) => name === program);
    if (known !== undefined) return [`programs/${known}`, programInput(known)];
    throw new OsmithError('E_CONFIG', `Osmith makes no program ${program}`, {
      where: { file },
      hint: `Known: ${PROGRAMS.join(', ')}`,
    });
  });
  return Object.fromEntries(inputs);
}
