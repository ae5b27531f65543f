/**
 * Records of builds, each with the hash of the one before: `records.jsonl` has a line for each, `head.json` names the last,
 * so that the end cannot be cut off unnoticed either, and `logs/` has what each build printed.
 */
import { createHash } from 'node:crypto';
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { isSystemError, OsmithError } from '../errors.ts';
import { canonicalJson } from '../run/key.ts';
import { lockFile } from '../run/lock.ts';
import { writeAtomic } from '../run/store.ts';

export const RECORDS = 'records.jsonl';
export const HEAD = 'head.json';
const LOGS = 'logs';
/** What the first record follows. */
export const NOTHING = '0'.repeat(64);

const digest = z.string().regex(/^[0-9a-f]{64}$/);

/** What is said of one build. Nothing in it is secret. */
export const content = z.strictObject({
  /** ISO 8601, when it ended. */
  time: z.string(),
  by: z.strictObject({ user: z.string(), host: z.string() }),
  osmith: z.string(),
  command: z.string(),
  workspace: z.string(),
  variant: z.record(z.string(), z.string()),
  /** `ok`, or the code of the error. */
  result: z.string(),
  inputs: z.strictObject({
    /** Of the merged configuration. */
    config: digest,
    /** Of the keys of all steps, and so of everything that went in; absent: not all steps were done. */
    steps: digest.optional(),
    /** Lists of packages, by step and output. */
    packages: z.record(z.string(), digest),
    /** Files of the workspace, by path. */
    sources: z.record(z.string(), digest),
  }),
  artifacts: z.array(z.strictObject({ name: z.string(), size: z.number(), sha256: digest })),
});
export type Content = z.infer<typeof content>;

export const record = content.extend({
  sequence: z.int().min(1),
  /** Hash of the record before. */
  previous: digest,
  log: z.strictObject({ file: z.string().regex(/^logs\/\d+\.txt$/), sha256: digest }),
  /** Of all the rest. */
  hash: digest,
});
export type AuditRecord = z.infer<typeof record>;

export const head = z.strictObject({ sequence: z.int().min(0), hash: digest });

export function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

/** The hash of a record is over all but itself. */
export function hashOf(found: AuditRecord): string {
  return sha256(canonicalJson({ ...found, hash: undefined }));
}

export async function readIfThere(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch((error: unknown) => {
    if (isSystemError(error) && error.code === 'ENOENT') return undefined;
    throw error;
  });
}

async function readHead(dir: string): Promise<z.infer<typeof head>> {
  const text = await readIfThere(join(dir, HEAD));
  if (text !== undefined) return head.parse(JSON.parse(text));
  if ((await readIfThere(join(dir, RECORDS))) === undefined) return { sequence: 0, hash: NOTHING };
  throw new Error(`${HEAD} is missing`);
}

/** Adds a record, with its log, behind the last one. Throws E_AUDIT. */
export async function addRecord(dir: string, what: Content, log: string): Promise<AuditRecord> {
  try {
    await mkdir(join(dir, LOGS), { recursive: true });
    const lock = await lockFile(join(dir, 'lock'), { wait: true });
    try {
      const last = await readHead(dir);
      const sequence = last.sequence + 1;
      const file = `${LOGS}/${String(sequence).padStart(6, '0')}.txt`;
      await writeFile(join(dir, file), log);
      const rest = {
        ...what,
        sequence,
        previous: last.hash,
        log: { file, sha256: sha256(log) },
        hash: NOTHING,
      };
      const whole: AuditRecord = { ...rest, hash: hashOf(rest) };
      await appendFile(join(dir, RECORDS), `${canonicalJson(whole)}\n`);
      await writeAtomic(join(dir, HEAD), `${canonicalJson({ sequence, hash: whole.hash })}\n`);
      return whole;
    } finally {
      await lock!.release();
    }
  } catch (cause) {
    throw new OsmithError(
      'E_AUDIT',
      `Cannot write the record of the build in ${dir}: ${(cause as Error).message}`,
      {
        cause,
        hint: '`osmith verify --audit` tells what is wrong there; audit.dir names another place',
      },
    );
  }
}
