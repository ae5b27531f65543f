/** Hooks of the workspace as steps, group by group. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Config } from '../config/index.ts';
import { OsmithError } from '../errors.ts';
import { parseDeclarations, usedVariables, type Declarations } from './declarations.ts';
import { findHook, findSource, type HookFile } from './find-hook.ts';
import { eibEnvironment, hookVariables, placePaths } from './hook-env.ts';
import { PROGRAMS } from './programs.ts';
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

/** One step per hook, bytewise in order of names. Those that change the tree, or publish, run one after the other. */
export function hookSteps(request: HookGroup): HookSteps {
  const { config, group } = request;
  // A workspace need not declare every group.
  const listed = config.find(group, 'hooks') === undefined ? [] : config.list(group, 'hooks');
  const names = [...new Set(listed)].sort();
  const variables = hookVariables(config);
  const faults: OsmithError[] = [];
  const steps: Step[] = [];
  let tree = request.base;
  for (const name of names) {
    try {
      const previous = group === 'publish' ? steps.at(-1)?.id : undefined;
      const step = hookStep({ ...request, ...(tree && { base: tree }) }, name, variables, steps);
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

/** Throws the faults of all groups as one. */
export function throwFaults(faults: OsmithError[]): void {
  const [first, ...also] = faults;
  if (first !== undefined) throw new OsmithError(first.code, first.message, { ...first.details, also });
}

function hookStep(
  { config, group, base, tools, content = [], inputs: given = {}, env: more = {} }: HookGroup,
  name: string,
  variables: Record<string, string>,
  before: Step[],
): Step {
  const hook = findHook(config, group, name);
  const declared = parseDeclarations(hook.text, hook.file);
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
  const used = declared.allEnv ? variables : named;
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
    if (PROGRAMS.includes(program)) {
      return [`programs/${program}`, { step: `programs/${program}`, output: program }];
    }
    throw new OsmithError('E_CONFIG', `Osmith makes no program ${program}`, {
      where: { file },
      hint: `Known: ${PROGRAMS.join(', ')}`,
    });
  });
  return Object.fromEntries(inputs);
}
