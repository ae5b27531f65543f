/** Reads a scenario from YAML; every fault is told with file and line. */
import { basename } from 'node:path';
import { isMap, isNode, isScalar, LineCounter, parseDocument, type Document } from 'yaml';
import { z } from 'zod';
import { OsmithError } from '../../errors.ts';
import { CHANGES } from '../alter.ts';
import { ARCHES, FIRMWARES, unsupported } from '../firmware.ts';
import { agentSchema } from './agent-config.ts';
import { size } from './size.ts';
import { STEP_KINDS } from './steps.ts';
import { BOOT_MEDIA, type AgentPlace, type DiskName, type Scenario, type ScenarioStep } from './types.ts';

const alteration = z.strictObject({
  file: z.string().min(1),
  change: z.enum(Object.keys(CHANGES) as [keyof typeof CHANGES]),
});

/** A disk beside the one that the machine starts from. */
const ownDisk = z.union([
  size.transform((mib) => ({ mib })),
  z.strictObject({ size, from: z.string().min(1) }).transform(({ size: mib, from }) => ({ mib, from })),
]);

const scenarioSchema = z.strictObject({
  description: z.string().min(1),
  arch: z
    .array(z.enum(ARCHES))
    .min(1)
    .default([...ARCHES]),
  firmware: z.enum([...FIRMWARES, 'none']),
  boot: z.enum(BOOT_MEDIA).default('disk'),
  medium: z.string().min(1).optional(),
  disks: z.array(ownDisk).default([]),
  artifacts: z.array(z.string().min(1)).optional(),
  memory: size.optional(),
  cpus: z.int().min(1).max(64).optional(),
  disk: size.optional(),
  clock: z
    .string()
    .regex(/^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d)?$/, 'must be a date such as 2031-01-01 or 2031-01-01T12:00:00')
    .optional(),
  alter: z.array(alteration).default([]),
  agent: agentSchema.optional(),
  steps: z.array(z.unknown()).min(1),
});

/** Places of the agent's configuration that are on the disk. */
const ON_DISK: Partial<Record<AgentPlace, string>> = {
  'command-line': 'command line',
  config: 'configuration partition',
};

type Path = (string | number)[];

interface Fault {
  path: Path;
  message: string;
  hint?: string;
}

/** `name:` and exactly one kind of step with its parameters, or just the kind. */
function parseStep(value: unknown, path: Path, faults: Fault[]): ScenarioStep | undefined {
  const known = `Steps are: ${Object.keys(STEP_KINDS).join(', ')}`;
  const fields = typeof value === 'string' ? { [value]: null } : value;
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) {
    faults.push({ path, message: 'A step must be the name of a step, or have one as its key', hint: known });
    return undefined;
  }
  const { name, ...rest } = fields as Record<string, unknown>;
  const kinds = Object.keys(rest);
  const unknown = kinds.find((kind) => !Object.hasOwn(STEP_KINDS, kind));
  if (unknown !== undefined || kinds.length !== 1 || (name !== undefined && typeof name !== 'string')) {
    const message =
      unknown !== undefined
        ? `There is no step ${unknown}`
        : kinds.length !== 1
          ? `A step does one thing; this one has ${kinds.join(', ') || 'none'}`
          : 'A name must be text';
    faults.push({ path: unknown === undefined ? path : [...path, unknown], message, hint: known });
    return undefined;
  }
  const kind = kinds[0]!;
  const { params, short, title } = STEP_KINDS[kind]!;
  const given = rest[kind] ?? {};
  const isShort = short !== undefined && (typeof given !== 'object' || Array.isArray(given));
  const parsed = params.safeParse(isShort ? { [short]: given } : given);
  if (!parsed.success) {
    faults.push(...zodFaults(parsed.error, typeof value === 'string' ? path : [...path, kind]));
    return undefined;
  }
  return { kind, name: name ?? title(parsed.data), params: parsed.data };
}

function zodFaults(error: z.ZodError, base: Path = []): Fault[] {
  return error.issues.flatMap((issue): Fault[] => {
    const path = [...base, ...(issue.path as Path)];
    const place = path.length === 0 ? '' : `${path.filter((part) => typeof part === 'string').join('.')}: `;
    if (issue.code !== 'unrecognized_keys') return [{ path, message: `${place}${issue.message}` }];
    return issue.keys.map((key) => ({ path: [...path, key], message: `${place}there is no key ${key}` }));
  });
}

/** The line of what a path leads to, or of the nearest thing above it. */
function lineOf(document: Document, lines: LineCounter, path: Path): number {
  for (let length = path.length; length > 0; length--) {
    const parent = document.getIn(path.slice(0, length - 1), true);
    const last = path[length - 1];
    const pair = isMap(parent)
      ? parent.items.find(({ key }) => (isScalar(key) ? key.value : key) === last)
      : undefined;
    const node = pair?.key ?? document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
  }
  return 1;
}

/** What a step needs and the scenario has not. */
function needFaults(
  { agent, boot, firmware, disks }: Pick<Scenario, 'agent' | 'boot' | 'firmware' | 'disks'>,
  { kind, params }: ScenarioStep,
  path: Path,
): Fault[] {
  const { needs, inContainer } = STEP_KINDS[kind]!;
  if (firmware === 'none' && inContainer === undefined)
    return [{ path, message: `${kind} needs a machine: this scenario has none (firmware: none)` }];
  const faults: Fault[] = [];
  if (needs?.agent && agent === undefined)
    faults.push({ path, message: `${kind} needs an agent: the scenario has no \`agent\`` });
  if (!needs?.disk) return faults;
  const { on = 1 } = params as { on?: DiskName };
  if (on === 'medium') {
    if (boot !== 'usb')
      faults.push({
        path,
        message: `${kind} needs a medium that is a disk: the scenario has no \`boot: usb\``,
      });
    return faults;
  }
  const own = (boot === 'disk' && firmware !== 'direct' ? 1 : 0) + disks.length;
  if (on > own)
    faults.push({ path, message: `${kind} needs disk ${on} of the machine, which has ${own || 'none'}` });
  return faults;
}

/** What a scenario says that its firmware cannot do. */
function firmwareFaults({ arch, firmware, agent }: Pick<Scenario, 'arch' | 'firmware' | 'agent'>): Fault[] {
  if (firmware === 'none')
    return agent === undefined ? [] : [{ path: ['agent'], message: 'The agent needs a machine' }];
  const why = arch.map((each) => unsupported(each, firmware));
  return why.every((each) => each !== undefined) ? [{ path: ['firmware'], message: why[0]! }] : [];
}

function toError(faults: Fault[], at: (path: Path) => { file: string; line: number }): OsmithError {
  const errors = faults.map(
    ({ path, message, hint }) => new OsmithError('E_CONFIG', message, { hint, where: at(path) }),
  );
  const [first, ...also] = errors;
  return new OsmithError('E_CONFIG', first!.message, { ...first!.details, ...(also.length > 0 && { also }) });
}

/** A scenario from its file's text. Throws every fault at once. */
export function parseScenario(text: string, file: string): Scenario {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const at = (path: Path) => ({ file, line: lineOf(document, lines, path) });
  const [broken] = document.errors;
  if (broken !== undefined) {
    const line = lines.linePos(broken.pos[0]).line;
    const message = broken.message.split(/ at line|\n/)[0]!;
    throw new OsmithError('E_CONFIG', `This is not YAML: ${message}`, {
      where: { file, line },
      cause: broken,
    });
  }
  const parsed = scenarioSchema.safeParse(document.toJS());
  if (!parsed.success) throw toError(zodFaults(parsed.error), at);
  const { steps, ...rest } = parsed.data;
  const faults: Fault[] = [];
  const parsedSteps = steps.flatMap((step, index) => parseStep(step, ['steps', index], faults) ?? []);
  faults.push(...firmwareFaults(rest));
  if (rest.firmware !== 'none' && rest.boot === 'network' && !rest.firmware.startsWith('uefi')) {
    faults.push({ path: ['boot'], message: `Booting from the network needs UEFI, not ${rest.firmware}` });
  }
  for (const [index, step] of parsedSteps.entries()) faults.push(...needFaults(rest, step, ['steps', index]));
  const through = rest.agent?.through ?? 'smbios';
  if (rest.boot !== 'disk' && ON_DISK[through] !== undefined) {
    const message = `Only a machine that boots from its disk can have its ${ON_DISK[through]} changed`;
    faults.push({ path: ['agent', 'through'], message, hint: 'Use smbios or cidata' });
  }
  if ((rest.boot !== 'disk' || rest.firmware === 'direct') && rest.disk !== undefined) {
    faults.push({ path: ['disk'], message: 'Only a machine that boots from its disk can have a larger one' });
  }
  if (!['disk', 'usb'].includes(rest.boot) && rest.alter.length > 0) {
    faults.push({ path: ['alter'], message: 'Only files of a disk or a USB stick can be altered' });
  }
  if (rest.boot === 'disk' && rest.medium !== undefined) {
    const message = 'A machine that boots from its disk has no medium';
    faults.push({ path: ['medium'], message, hint: 'Say `boot: usb`, `boot: cd` or `boot: network`' });
  }
  if (faults.length > 0) throw toError(faults, at);
  return { ...rest, name: basename(file, '.yaml'), file, steps: parsedSteps };
}
