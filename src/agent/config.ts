/** The agent's configuration: plain JSON. */
import { z } from 'zod';
import { OsmithError } from '../errors.ts';

/** Names of sources are parts of URLs and file names. */
const sourceName = z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9_-]{0,63}$/, 'must be letters, digits, _ and -');
const patterns = z.array(z.string().refine(compiles, 'must be a regular expression'));

function compiles(text: string): boolean {
  try {
    new RegExp(text, 'u');
    return true;
  } catch {
    return false;
  }
}

const exec = z.looseObject({
  command: z.string().optional(),
  env: z.record(z.string(), z.string()).optional(),
  user: z.string().optional(),
  group: z.string().optional(),
  workDir: z.string().optional(),
  envInherit: z.boolean().optional(),
  allowOverride: z.boolean().optional(),
});

const seconds = z
  .int()
  .nonnegative()
  .max(366 * 86_400);

const sourceSchema = z.strictObject({
  /** Take tokens that are pushed to `/v1/push/NAME`. */
  allowPush: z.boolean().default(false),
  /** URLs or absolute paths of a token; the first that verifies counts. */
  pullPaths: z.array(z.string().regex(/^(https?:\/\/|\/)/, 'must be a URL or an absolute path')).default([]),
  /** Seconds between runs; 0: only at the start and when something asks for it. */
  runFrequencySec: seconds.default(0),
  /** At most so many seconds are waited in addition, a random number each time. */
  runRandomDelaySec: seconds.default(0),
  /** Commands of the configuration itself, run before those of the token. */
  commands: z.array(z.looseObject({ id: z.string() })).default([]),
  /** Only run checks. */
  checkOnly: z.boolean().default(false),
  /** Do not remove what a new token no longer has. */
  noRemove: z.boolean().default(false),
  /** Do not run the last token again when the agent starts. */
  noRestore: z.boolean().default(false),
  /** Events of other sources that make this one run: regular expressions. */
  eventsReceive: patterns.default([]),
  /** Events of this source that others may see: regular expressions. */
  eventsSend: patterns.default([]),
  /** Paths whose requests make this source run. */
  webhookPaths: z.array(z.string().regex(/^\/[\w./-]+$/, 'must be a path')).default([]),
  vars: z.record(z.string(), z.json()).default({}),
  /** Jsonnet expression over `claims` that must be true. */
  jwtRule: z.string().optional(),
  /** In place of the agent's own. */
  verifyKeys: z.array(z.string()).optional(),
  exec: exec.optional(),
});

const updateSchema = z.strictObject({
  /** Directory of releases. */
  url: z.string().regex(/^https?:\/\/\S+$/, 'must be a URL'),
  /** Name of the build; default: of the running one, with another variant if that is set. */
  name: z
    .string()
    .regex(/^[\w.-]+$/)
    .optional(),
  variant: z
    .string()
    .regex(/^[a-z0-9]+$/)
    .optional(),
  runFrequencySec: seconds.min(60).default(86_400),
  runRandomDelaySec: seconds.default(3600),
  /** When a new system is started: `never` (by somebody else), `now`, or a calendar event of systemd.time. */
  reboot: z.string().min(1).default('never'),
  /** How many boots a new system gets to prove itself. */
  tries: z.int().min(1).max(3).default(2),
  allowOlder: z.boolean().default(false),
  retryFailed: z.boolean().default(false),
  checkOnly: z.boolean().default(false),
  verifyKeys: z.array(z.string()).optional(),
  jwtRule: z.string().optional(),
});

export const configSchema = z.strictObject({
  /** Public keys that tokens are verified with. */
  verifyKeys: z.array(z.string()).default([]),
  /** Programs that verify tokens: each gets one on its standard input. */
  verifyCommands: z.array(z.array(z.string()).min(1)).default([]),
  /** One of a token's audiences must be this. */
  audience: z.string().optional(),
  sources: z.record(sourceName, sourceSchema).default({}),
  update: updateSchema.optional(),
  exec: exec.optional(),
  listen: z
    .strictObject({
      address: z.string().default('::'),
      port: z.int().min(0).max(65_535).default(4000),
      /** PEM files, in place of the certificate that is made at the start. */
      certificate: z.string().optional(),
      key: z.string().optional(),
      /** Requests per second, and as many at once. */
      rate: z.number().positive().default(5),
      burst: z.int().positive().default(20),
    })
    .prefault({}),
  /** Whoever knows it may read `/v1/metrics`. */
  metricsKey: z.string().min(8).optional(),
  /** Where the last tokens are kept: a directory, or the boot partition. */
  state: z.union([z.literal('boot-disk'), z.string().regex(/^\//)]).optional(),
  /** The boot partition, in place of searching. */
  bootDevice: z.string().regex(/^\//).optional(),
  /** Look on for further configuration, which goes over this one. */
  fallthrough: z.boolean().default(false),
});

export type AgentConfig = z.infer<typeof configSchema>;
export type SourceConfig = z.infer<typeof sourceSchema>;
export type UpdateConfig = z.infer<typeof updateSchema>;

type JsonObject = Record<string, unknown>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `over` goes over `base`: objects are merged, all else is replaced. */
export function merge(base: JsonObject, over: JsonObject): JsonObject {
  const result: JsonObject = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const below = Object.hasOwn(result, key) ? result[key] : undefined;
    Object.defineProperty(result, key, {
      value: isObject(below) && isObject(value) ? merge(below, value) : value,
      ...{ enumerable: true, writable: true, configurable: true },
    });
  }
  return result;
}

/** Checks a merged configuration. Values are not quoted: they may be secrets. */
export function checkConfig(value: unknown, found: readonly string[]): AgentConfig {
  const where = found.length === 0 ? 'nothing was found' : `found: ${found.join(', ')}`;
  const parsed = configSchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const path = issue!.path.join('.') || 'the configuration';
    throw new OsmithError('E_AGENT', `${path}: ${issue!.message} (${where})`, {
      hint: 'docs/agent.md lists all options',
    });
  }
  const config = parsed.data;
  const keys = [config.verifyKeys, config.verifyCommands, config.update?.verifyKeys ?? []].flat().length;
  const sources = Object.keys(config.sources).length + (config.update === undefined ? 0 : 1);
  if (keys === 0 && !Object.values(config.sources).some(({ verifyKeys = [] }) => verifyKeys.length > 0))
    throw new OsmithError('E_AGENT', `There is no key to verify with (${where})`);
  if (sources === 0) throw new OsmithError('E_AGENT', `There is no source (${where})`);
  return config;
}
