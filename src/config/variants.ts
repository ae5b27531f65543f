/**
 * `config/variants.ini`: the variants that are built regularly, for `osmith matrix` and `osmith schedule`. Each section
 * stands for all combinations of the values that it gives to attributes:
 *     [desktop]
 *     product = desktop
 *     arch = amd64 arm64
 *     personality = base es
 *     calendar = weekly
 *     do = build test release
 *     runner = self-hosted
 *     runner_arm64 = self-hosted arm
 * Attributes that a section leaves out have the workspace's defaults.
 */
import { join } from 'node:path';
import { OsmithError, type Where } from '../errors.ts';
import { attributeOrder } from './attributes.ts';
import { type Fault, faultsError } from './fault.ts';
import type { IniFile, IniSection } from './ini.ts';
import { loadConfig } from './load.ts';
import { nearest } from './nearest.ts';
import { checkWorkspace, readIni } from './read.ts';
import { overlay } from './schema.ts';
import { words } from './text.ts';
import type { Attributes } from './types.ts';

/** What is done with a variant, in this order. */
export const TASKS = ['build', 'test', 'release'] as const;
export type Task = (typeof TASKS)[number];

export interface Variant {
  /** All attributes, joined by `-`. */
  name: string;
  attributes: Attributes;
  tasks: Task[];
  /** When, as systemd.time(7) writes it. */
  calendar?: { text: string; where: Where };
  /** Labels of the machines that build it. */
  runner: string[];
  /** Where it is released; empty: nowhere yet. */
  target: string;
}

export interface VariantsRequest {
  workspace: string;
  localdir?: string | undefined;
  systemDir?: string | undefined;
}

const FILE = 'variants.ini';
const OPTIONS = ['calendar', 'do', 'runner'];

/** Reads and checks them all; those of --localdir stand in place of the workspace's. Throws E_CONFIG. */
export function loadVariants(request: VariantsRequest): Variant[] {
  const { workspace, localdir } = request;
  checkWorkspace(workspace);
  const directories = [...(localdir === undefined ? [] : [localdir]), workspace].map((dir) =>
    join(dir, 'config'),
  );
  const ini = directories.flatMap((dir) => readIni(join(dir, FILE)) ?? [])[0];
  if (ini === undefined) {
    throw new OsmithError('E_CONFIG', 'The workspace says nowhere which variants are built regularly', {
      hint: 'Name them in config/variants.ini: see docs/schedule.md',
      where: { file: join(workspace, 'config', FILE) },
    });
  }
  const schema = overlay(directories.toReversed().flatMap((dir) => readIni(join(dir, 'schema.ini')) ?? []));
  const order = attributeOrder(schema);
  const faults = [
    ...ini.faults,
    ...[...ini.sections].flatMap(([, section]) => checkSection(ini, section, order)),
  ];
  if (faults.length > 0) throw faultsError(faults as [Fault, ...Fault[]]);
  const variants = [...ini.sections].flatMap(([, section]) => variantsOf(request, ini, section, order));
  checkTwice(variants, ini);
  return variants;
}

function checkSection({ file }: IniFile, { options }: IniSection, order: string[]): Fault[] {
  const faults: Fault[] = [];
  for (const [name, { value, line }] of options) {
    const fault = (message: string, hint?: string) => faults.push({ message, hint, where: { file, line } });
    const known = [...order, ...OPTIONS];
    if (!known.includes(name) && !/^runner_[a-z0-9]+$/.test(name)) {
      const meant = nearest(name, known);
      fault(
        `There is no option ${name} here`,
        meant === undefined ? `Known: ${known.join(', ')}` : `Did you mean ${meant}?`,
      );
    } else if (words(value).length === 0) fault(`${name} is empty`, 'Leave the line out for the default');
    if (name !== 'do') continue;
    const unknown = words(value).find((word) => !(TASKS as readonly string[]).includes(word));
    if (unknown !== undefined)
      fault(`Nothing called ${unknown} can be done with a variant`, `Known: ${TASKS.join(', ')}`);
  }
  return faults;
}

/** All combinations, the last attribute changing first. */
function combinations(choices: [string, string[]][]): Attributes[] {
  return choices.reduce<Attributes[]>(
    (all, [name, values]) => all.flatMap((each) => values.map((value) => ({ ...each, [name]: value }))),
    [{}],
  );
}

function variantsOf(
  { workspace, localdir, systemDir }: VariantsRequest,
  { file }: IniFile,
  section: IniSection,
  order: string[],
): Variant[] {
  const { options } = section;
  const list = (name: string) => words(options.get(name)?.value ?? '');
  const choices = order
    .filter((name) => options.has(name))
    .map((name): [string, string[]] => [name, list(name)]);
  const calendar = options.get('calendar');
  const given = list('do');
  return combinations(choices).map((chosen) => {
    const config = located({ file, line: section.line }, () =>
      loadConfig({ workspace, localdir, systemDir, attributes: chosen, set: [] }),
    );
    const { attributes } = config;
    return {
      name: Object.values(attributes).join('-'),
      attributes,
      tasks: given.length === 0 ? ['build'] : TASKS.filter((task) => given.includes(task)),
      ...(calendar && { calendar: { text: calendar.value.trim(), where: { file, line: calendar.line } } }),
      runner: list(options.has(`runner_${attributes['arch']}`) ? `runner_${attributes['arch']}` : 'runner'),
      target: config.find('release', 'target')?.trim() ?? '',
    };
  });
}

/** Errors about attributes say where these stand. */
function located<T>(where: Where, load: () => T): T {
  try {
    return load();
  } catch (error) {
    if (!(error instanceof OsmithError) || error.code !== 'E_USAGE') throw error;
    throw new OsmithError('E_CONFIG', error.message, { ...error.details, where });
  }
}

function checkTwice(variants: readonly Variant[], { file }: IniFile): void {
  const names = variants.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice === undefined) return;
  throw new OsmithError('E_CONFIG', `Two sections have the variant ${twice}`, {
    where: { file },
    hint: 'Leave it to one of them',
  });
}

/** The arguments with which commands name a variant. */
export function variantArguments({ attributes }: Pick<Variant, 'attributes'>): string[] {
  const own = ['product', 'arch', 'platform', 'personality'];
  return Object.entries(attributes).flatMap(([name, value]) => {
    if (name === 'branch') return [value];
    return own.includes(name) ? [`--${name}`, value] : ['--attribute', `${name}=${value}`];
  });
}
