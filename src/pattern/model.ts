/** The shape of patterns, and everything that can be wrong with one before it runs. */
import { z } from 'zod';
import { nearest } from '../config/nearest.ts';
import { OsmithError, type Where } from '../errors.ts';
import { flatten, targetFaults } from './targets.ts';
import type { Entry, Json, Pattern } from './types.ts';

export const execSchema = z.strictObject({
  command: z.string().min(1).optional(),
  env: z.record(z.string().regex(/^[A-Za-z_]\w*$/, 'must be the name of a variable'), z.string()).optional(),
  envInherit: z.boolean().optional(),
  user: z.string().min(1).optional(),
  group: z.string().min(1).optional(),
  workDir: z.string().min(1).optional(),
  containerImage: z.string().min(1).optional(),
  containerEntrypoint: z.string().optional(),
  containerNetwork: z.string().min(1).optional(),
  containerPrivileged: z.boolean().optional(),
  containerPull: z.enum(['always', 'missing', 'never']).optional(),
  containerUser: z.string().min(1).optional(),
  containerVolumes: z.array(z.string()).optional(),
  containerWorkDir: z.string().min(1).optional(),
  allowOverride: z.boolean().optional(),
});

const id = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[^\p{Cc}]*$/u, 'must be one line')
  .refine((text) => !text.startsWith('osmith:'), 'must not begin with osmith:, as events do');
const targets = z.array(z.string().min(1));

const commandSchema = z.strictObject({
  id,
  check: z.string().optional(),
  change: z.string().optional(),
  remove: z.string().optional(),
  always: z.boolean().optional(),
  changeIgnore: z.boolean().optional(),
  removeAfter: z.boolean().optional(),
  stdin: z.string().optional(),
  exec: execSchema.optional(),
  envPrefix: z
    .string()
    .regex(/^[A-Za-z_]\w*$/, 'must be the name of a variable')
    .optional(),
  onChange: targets.optional(),
  onFail: targets.optional(),
  onRemove: targets.optional(),
});

const groupSchema = z.strictObject({ id, exec: execSchema.optional(), commands: z.array(z.unknown()) });

const patternSchema = z.strictObject({
  build: z.array(z.unknown()).default([]),
  run: z.array(z.unknown()).default([]),
  buildExec: execSchema.optional(),
  runExec: execSchema.optional(),
  runVars: z.record(z.string(), z.json()).optional(),
  audience: z.union([z.array(z.string()), z.string().transform((one) => [one])]).optional(),
  expiresIn: z.int().positive().optional(),
  id: z.string().optional(),
  issuer: z.string().optional(),
  subject: z.string().optional(),
});

type Path = readonly PropertyKey[];

interface Fault {
  path: Path;
  message: string;
  hint?: string | undefined;
}

const KNOWN = [patternSchema, commandSchema, groupSchema, execSchema].flatMap(({ shape }) =>
  Object.keys(shape),
);

/** `run[2].always` */
function showPath(path: Path): string {
  return path
    .map((key, index) => (typeof key === 'number' ? `[${key}]` : `${index > 0 ? '.' : ''}${String(key)}`))
    .join('');
}

function issueFaults(issue: z.core.$ZodIssue, base: Path): Fault[] {
  const path = [...base, ...issue.path];
  const place = path.length === 0 ? 'The pattern' : showPath(path);
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => {
      const meant = nearest(key, KNOWN);
      const hint = meant === undefined ? undefined : `Did you mean ${meant}?`;
      return { path: [...path, key], message: `${place} has an unknown key ${JSON.stringify(key)}`, hint };
    });
  if (issue.code === 'invalid_type') {
    const missing = issue.message.endsWith('received undefined');
    return [{ path, message: missing ? `${place} is missing` : `${place} must be ${named(issue.expected)}` }];
  }
  const message = issue.code === 'custom' || issue.code === 'invalid_format' ? issue.message : undefined;
  return [{ path, message: `${place} ${message ?? `is wrong: ${issue.message}`}` }];
}

function named(type: string): string {
  const names: Record<string, string> = {
    boolean: 'true or false',
    int: 'a whole number',
    record: 'an object',
  };
  return names[type] ?? `${/^[aeiou]/.test(type) ? 'an' : 'a'} ${type}`;
}

function parse<T>(schema: z.ZodType<T>, json: unknown, base: Path, faults: Fault[]): T | undefined {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  faults.push(...result.error.issues.flatMap((issue) => issueFaults(issue, base)));
  return undefined;
}

function parseEntry(json: unknown, path: Path, faults: Fault[]): Entry | undefined {
  const isGroup = typeof json === 'object' && json !== null && 'commands' in json;
  if (!isGroup) return parse(commandSchema, json, path, faults);
  const group = parse(groupSchema, json, path, faults);
  return group && { ...group, commands: parseList(group.commands, [...path, 'commands'], faults) };
}

function parseList(list: readonly unknown[], base: Path, faults: Fault[]): Entry[] {
  return list
    .map((json, index) => parseEntry(json, [...base, index], faults))
    .filter((entry) => entry !== undefined);
}

/** Lists of commands with their targets; `base` is where the list stands. */
function parseCommands(list: readonly unknown[], base: Path, faults: Fault[]): Entry[] {
  const before = faults.length;
  const entries = parseList(list, base, faults);
  if (faults.length === before)
    for (const { path, message, hint } of targetFaults(flatten(entries)))
      faults.push({ path: [...base, ...path], message, hint });
  return entries;
}

function asError(faults: Fault[], locate: (path: Path) => Where | undefined): OsmithError {
  const [first, ...rest] = faults.map(
    ({ path, message, hint }) => new OsmithError('E_PATTERN', message, { hint, where: locate(path) }),
  );
  return rest.length === 0
    ? first!
    : new OsmithError('E_PATTERN', first!.message, { ...first!.details, also: rest });
}

/** Checks a rendered pattern; throws E_PATTERN with all that is wrong with it. */
export function parsePattern(
  json: Json,
  locate: (path: Path) => Where | undefined = () => undefined,
): Pattern {
  const faults: Fault[] = [];
  const pattern = parse(patternSchema, json, [], faults);
  const { build, run } = pattern ?? { build: [], run: [] };
  const lists = { build: parseCommands(build, ['build'], faults), run: parseCommands(run, ['run'], faults) };
  if (pattern === undefined || faults.length > 0) throw asError(faults, locate);
  return { ...pattern, ...lists };
}

/** Checks a list of commands that is not part of a pattern, such as of a configuration. */
export function parseEntries(json: unknown, name = 'commands'): Entry[] {
  const faults: Fault[] = [];
  const list = parse(z.array(z.unknown()), json, [name], faults) ?? [];
  const entries = parseCommands(list, [name], faults);
  if (faults.length > 0) throw asError(faults, () => undefined);
  return entries;
}
