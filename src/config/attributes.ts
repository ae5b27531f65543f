/**
 * The attributes that choose configuration files. A workspace says in `config/schema.ini` which there are, in
 * which order their files load, and what they are when the user names none:
 *     [attributes]
 *     order = product branch arch platform personality
 *     product = appliance
 *     [attributes product=appliance]
 *     branch = deb
 * The second section holds only where product is appliance. What a workspace does not say is as the Endless
 * builder has it.
 */
import { OsmithError, type Where } from '../errors.ts';
import { VARIABLES } from './builtin.ts';
import { type Fault, faultsError } from './fault.ts';
import { nearest } from './nearest.ts';
import type { SchemaText } from './schema.ts';
import { words } from './text.ts';
import type { Attributes } from './types.ts';

const ORDER = ['product', 'branch', 'arch', 'platform', 'personality'];
const NEEDED = ['product', 'branch', 'arch'];
/** Names of files and variables that an attribute would be mistaken for. */
const RESERVED = ['local', 'system', 'private', 'defaults', 'set', ...Object.keys(VARIABLES)];
const DEFAULTS: Attributes = { product: 'eoscustom', branch: 'master', personality: 'base' };

/** Debian's names for machines, by the names that Node has for them. */
const ARCHITECTURES: Attributes = { x64: 'amd64', arm64: 'arm64', ia32: 'i386' };

export interface AttributeChoice {
  order: string[];
  values: Attributes;
}

/** `machine` is the host's, as in `process.arch`. */
export function resolveAttributes(
  given: Partial<Attributes>,
  text: SchemaText,
  machine: string,
): AttributeChoice {
  const order = attributeOrder(text);
  checkDeclared(text, order);
  checkNames(given, order);
  const values: Attributes = {};
  for (const name of order) {
    const line = declared(name, values, text);
    const value = chosen(given, name) ?? line?.value ?? fallback(name, values, machine);
    if (value === undefined)
      throw usage(`No ${name} is given`, `Use --${name}, or set it in [attributes] of schema.ini`);
    checkValue(name, value, chosen(given, name) === undefined ? line : undefined);
    values[name] = value;
  }
  return { order, values };
}

/** An empty platform is no platform, so that scripts can hand on a variable that may be empty. */
function chosen(given: Partial<Attributes>, name: string): string | undefined {
  return name === 'platform' && given[name] === '' ? undefined : given[name];
}

/** Throws E_CONFIG if it is not declared well. */
export function attributeOrder(text: SchemaText): string[] {
  const line = text.get('attributes')?.get('order');
  if (line === undefined) return ORDER;
  const order = words(line.value);
  const where = place(line);
  const bad = order.filter(
    (name, index) =>
      !/^[a-z][a-z0-9]*$/u.test(name) || RESERVED.includes(name) || order.indexOf(name) < index,
  );
  const missing = NEEDED.filter((name) => !order.includes(name));
  const faults: Fault[] = [
    ...bad.map((name) => ({ message: `Attribute ${name} cannot be used`, hint: NAME_HINT, where })),
    ...missing.map((name) => ({ message: `The order of attributes lacks ${name}`, where })),
  ];
  const [first, ...rest] = faults;
  if (first !== undefined) throw faultsError([first, ...rest]);
  return order;
}

const NAME_HINT = `Names are lower-case letters and digits, each once; not ${RESERVED.join(', ')}`;

function checkNames(given: Partial<Attributes>, order: string[]): void {
  for (const [name, value] of Object.entries(given)) {
    if (value !== undefined && !order.includes(name)) {
      throw usage(`This workspace has no attribute ${name}`, `It has ${order.join(', ')}`);
    }
  }
}

/** Sections and options about attributes that there are not. */
function checkDeclared(text: SchemaText, order: string[]): void {
  const faults = [...text].flatMap(([section, options]): Fault[] => {
    if (section !== 'attributes' && !section.startsWith('attributes ')) return [];
    const known = section === 'attributes' ? ['order', ...order] : order;
    const condition = /^attributes ([a-z0-9]+)=\S+$/u.exec(section)?.[1];
    const wrong = section !== 'attributes' && !order.includes(condition ?? '');
    const first = [...options.values()][0];
    return [
      ...(wrong
        ? [{ message: `Section [${section}] names no attribute`, hint: CONDITION_HINT, where: place(first) }]
        : []),
      ...[...options]
        .filter(([name]) => !known.includes(name))
        .map(([name, line]) => {
          const meant = nearest(name, known);
          const hint = meant === undefined ? `There are ${known.join(', ')}` : `Did you mean ${meant}?`;
          return { message: `Unknown attribute ${name} in [${section}]`, hint, where: place(line) };
        }),
    ];
  });
  const [first, ...rest] = faults;
  if (first !== undefined) throw faultsError([first, ...rest]);
}

const CONDITION_HINT = 'Write [attributes ATTRIBUTE=VALUE], such as [attributes product=appliance]';

function place(line: { file: string; line: number } | undefined): Where | undefined {
  return line && { file: line.file, line: line.line };
}

/** The default that the workspace has; that of a section with a condition goes over the general one. */
function declared(name: string, known: Attributes, text: SchemaText) {
  const special = Object.entries(known).map(([other, value]) => `attributes ${other}=${value}`);
  return ['attributes', ...special].flatMap((section) => text.get(section)?.get(name) ?? []).at(-1);
}

function fallback(name: string, known: Attributes, machine: string): string | undefined {
  if (name === 'platform') return known['arch'];
  if (name !== 'arch') return DEFAULTS[name];
  if (ARCHITECTURES[machine] !== undefined) return ARCHITECTURES[machine];
  throw new OsmithError('E_HOST', `Machine ${machine} is not supported`, { hint: 'Name one with --arch' });
}

/** Values become parts of file names. */
function checkValue(name: string, value: string, line: Parameters<typeof place>[0]): void {
  const good = /^[^\s/\\\p{Cc}-][^\s/\\\p{Cc}]*$/u.test(value) && value !== '.' && value !== '..';
  if (good) return;
  const message = `${name} cannot be ${JSON.stringify(value)}`;
  const hint = 'Use a name without spaces and slashes that does not start with -';
  const where = place(line);
  throw where === undefined ? usage(message, hint) : faultsError([{ message, hint, where }]);
}

function usage(message: string, hint: string): OsmithError {
  return new OsmithError('E_USAGE', message, { hint });
}
