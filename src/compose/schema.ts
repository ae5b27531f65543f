/** What a linuxkit file may hold. Every key is known; nothing is changed while it is checked. */
import { z } from 'zod';
import { OsmithError, type ErrorCode, type Where } from '../errors.ts';
import { whereOf, type Value } from './yaml.ts';

const text = z.string();
const texts = z.array(text);
const flag = z.boolean();
const textMap = z.record(z.string(), text);

/** Any 64-bit integer, exactly. */
const integer = z.custom<number | bigint>(
  (value) => typeof value === 'bigint' || Number.isInteger(value),
  'Invalid input: expected an integer',
);
export type Integer = z.infer<typeof integer>;

/** What the kernel takes as `/proc/PID/oom_score_adj`. */
const oomScore = integer.refine((value) => value >= -1000 && value <= 1000, {
  error: 'Invalid input: expected an integer from -1000 to 1000',
});

/** A number, or the name of a container that has one. */
const id = z.custom<string | number | bigint>(
  (value) => typeof value === 'string' || typeof value === 'bigint' || Number.isInteger(value),
  'Invalid input: expected an integer or a name',
);
export type Id = z.infer<typeof id>;

const idMapping = z.strictObject({ hostID: integer, containerID: integer, size: integer }).partial();
export type IdMapping = z.infer<typeof idMapping>;

const mount = z
  .strictObject({
    destination: text,
    type: text,
    source: text,
    options: texts,
    uidmappings: z.array(idMapping),
    gidmappings: z.array(idMapping),
  })
  .partial();
export type Mount = z.infer<typeof mount>;

const device = z
  .strictObject({ path: text, type: text, major: integer, minor: integer, mode: text })
  .partial();
export type Device = z.infer<typeof device>;

const throttle = z.array(z.strictObject({ major: integer, minor: integer, rate: integer }).partial());
const weight = z
  .strictObject({ major: integer, minor: integer, weight: integer, leafWeight: integer })
  .partial();

const resources = z
  .strictObject({
    devices: z.array(
      z.strictObject({ allow: flag, type: text, major: integer, minor: integer, access: text }).partial(),
    ),
    memory: z
      .strictObject({
        ...{ limit: integer, reservation: integer, swap: integer, kernel: integer, kernelTCP: integer },
        ...{ swappiness: integer, disableOOMKiller: flag },
      })
      .partial(),
    cpu: z
      .strictObject({
        ...{ shares: integer, quota: integer, period: integer, realtimeRuntime: integer },
        ...{ realtimePeriod: integer, cpus: text, mems: text },
      })
      .partial(),
    pids: z.strictObject({ limit: integer }).partial(),
    blockio: z
      .strictObject({
        ...{ weight: integer, leafWeight: integer, weightDevice: z.array(weight) },
        ...{ throttleReadBpsDevice: throttle, throttleWriteBpsDevice: throttle },
        ...{ throttleReadIOPSDevice: throttle, throttleWriteIOPSDevice: throttle },
      })
      .partial(),
    /** linuxkit declares the size an integer, but the runtime wants `2MB`: both are taken. */
    hugepageLimits: z.array(z.strictObject({ pageSize: z.union([text, integer]), limit: integer }).partial()),
    network: z
      .strictObject({
        classID: integer,
        priorities: z.array(z.strictObject({ name: text, priority: integer }).partial()),
      })
      .partial(),
  })
  .partial();
export type Resources = z.infer<typeof resources>;

const networkInterface = z.strictObject({ name: text, add: text, peer: text, createInRoot: flag }).partial();
export type NetworkInterface = z.infer<typeof networkInterface>;

const runtime = z
  .strictObject({
    cgroups: texts,
    mounts: z.array(mount),
    mkdir: texts,
    interfaces: z.array(networkInterface),
    bindNS: z
      .strictObject({ cgroup: text, ipc: text, mnt: text, net: text, pid: text, user: text, uts: text })
      .partial(),
    namespace: text,
  })
  .partial();
export type Runtime = z.infer<typeof runtime>;

const configKeys = {
  capabilities: texts,
  'capabilities.add': texts,
  ambient: texts,
  mounts: z.array(mount),
  binds: texts,
  'binds.add': texts,
  devices: z.array(device),
  tmpfs: texts,
  command: texts,
  env: texts,
  ...{ cwd: text, net: text, pid: text, ipc: text, uts: text, userns: text, hostname: text },
  readonly: flag,
  ...{ maskedPaths: texts, readonlyPaths: texts },
  ...{ uid: id, gid: id, additionalGids: z.array(id) },
  noNewPrivileges: flag,
  oomScoreAdj: oomScore,
  ...{ rootfsPropagation: text, cgroupsPath: text },
  resources,
  sysctl: textMap,
  rlimits: texts,
  uidMappings: z.array(idMapping),
  gidMappings: z.array(idMapping),
  annotations: textMap,
  runtime,
};

/** What an image's label may hold: all of a container but its name and image. */
export const containerConfig = z.strictObject(configKeys).partial();
export type ContainerConfig = z.infer<typeof containerConfig>;

const container = z.strictObject({ name: text, image: text, ...containerConfig.shape });
export type Container = z.infer<typeof container>;

const kernel = z.strictObject({ image: text, cmdline: text, binary: text, tar: text, ucode: text }).partial();
export type Kernel = z.infer<typeof kernel>;

const volume = z.strictObject({
  name: text,
  image: text.optional(),
  readonly: flag.optional(),
  format: z.enum(['oci', 'filesystem']).optional(),
  platforms: texts.optional(),
});
export type Volume = z.infer<typeof volume>;

const file = z
  .strictObject({
    ...{ path: text, directory: flag, symlink: text, contents: text, source: text, metadata: text },
    ...{ optional: flag, mode: text, uid: id, gid: id },
  })
  .partial();
export type FileEntry = z.infer<typeof file>;

const composition = z
  .strictObject({
    kernel,
    init: texts,
    volumes: z.array(volume),
    onboot: z.array(container),
    onshutdown: z.array(container),
    services: z.array(container),
    files: z.array(file),
    /** Of old versions; means nothing. */
    trust: z.strictObject({ image: texts, org: texts }).partial(),
  })
  .partial();
export type CompositionFile = z.infer<typeof composition>;

function pathName(path: readonly PropertyKey[]): string {
  return path
    .map((part, i) => (typeof part === 'number' ? `[${part}]` : `${i > 0 ? '.' : ''}${String(part)}`))
    .join('');
}

/** The place of what a path leads to, or of the last on the way that has one. */
function whereAt(value: Value, path: readonly PropertyKey[], file: string): Where {
  let where = whereOf(value) ?? { file };
  let here: unknown = value;
  for (const part of path) {
    if (typeof here !== 'object' || here === null) break;
    where = whereOf(here, part as string | number) ?? where;
    here = (here as Record<PropertyKey, unknown>)[part];
  }
  return where;
}

function hintFor(message: string, value: unknown, page: string): string {
  if (/expected string/.test(message) && (typeof value === 'number' || typeof value === 'boolean')) {
    return 'Put it between quotes';
  }
  if (/expected boolean/.test(message) && typeof value === 'string') return 'Write true or false';
  if (/expected (?:array|object|record)/.test(message) && value === null)
    return 'Give it a value, or remove the line';
  return `${page} lists what can be given`;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (here, part) =>
      typeof here === 'object' && here !== null ? (here as Record<PropertyKey, unknown>)[part] : undefined,
    value,
  );
}

/** How faults of a kind of file are told. */
interface Kind {
  code: ErrorCode;
  /** The page that lists the keys. */
  page: string;
}

function faults(error: z.ZodError, value: Value, file: string, { code, page }: Kind): OsmithError[] {
  return error.issues.flatMap((issue): OsmithError[] => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => {
        const name = pathName([...issue.path, key]);
        const where = whereAt(value, [...issue.path, key], file);
        const hint = `Remove it or correct its spelling; ${page} lists the keys`;
        return new OsmithError(code, `There is no key ${name}`, { where, hint });
      });
    }
    const name = pathName(issue.path) || 'the file';
    const message = issue.message
      .replace('Invalid input: ', '')
      .replace('received undefined', 'but it is missing');
    const where = whereAt(value, issue.path, file);
    const hint = hintFor(message, valueAt(value, issue.path), page);
    return [new OsmithError(code, `${name}: ${message}`, { where, hint })];
  });
}

const COMPOSITION: Kind = { code: 'E_COMPOSE', page: 'docs/compose.md' };

/** Throws all faults that a value has, each with its place. */
export function checkValue<T>(schema: z.ZodType<T>, value: Value, file: string, kind = COMPOSITION): T {
  const checked = schema.safeParse(value);
  // The value itself rather than the copy that the check made: places are known by identity.
  if (checked.success) return value as T;
  const [first, ...also] = faults(checked.error, value, file, kind);
  throw new OsmithError(kind.code, first!.message, { ...first!.details, also });
}

/** A whole file; an empty one is an empty composition. Throws E_COMPOSE with all faults. */
export function checkComposition(value: Value, file: string): CompositionFile {
  return checkValue(composition, value ?? {}, file);
}

/** The content of the label `org.mobyproject.config`. */
export function checkLabel(value: Value, file: string): ContainerConfig {
  for (const key of ['name', 'image']) {
    if (typeof value === 'object' && value !== null && Object.hasOwn(value, key)) {
      throw new OsmithError('E_COMPOSE', `${key} cannot be set in metadata label`, {
        where: whereOf(value, key) ?? { file },
        hint: 'Remove it from the label of the image and build the image again',
      });
    }
  }
  return checkValue(containerConfig, value, file);
}
