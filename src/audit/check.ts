/** Checks the records of builds: whether one was altered, removed or put in. */
import { join } from 'node:path';
import { OsmithError } from '../errors.ts';
import type { Check } from '../release/verify-types.ts';
import {
  hashOf,
  head,
  HEAD,
  NOTHING,
  readIfThere,
  record,
  RECORDS,
  sha256,
  type AuditRecord,
} from './chain.ts';

function parsed<T>(schema: { safeParse: (value: unknown) => { data?: T } }, text: string): T | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** What is wrong with a record behind the one before. */
function recordFault(
  found: AuditRecord | undefined,
  before: { sequence: number; hash: string },
): string | undefined {
  if (found === undefined) return 'it is no record';
  const expected = before.sequence + 1;
  if (found.sequence > expected)
    return `${found.sequence - expected === 1 ? `record ${expected} is` : `records ${expected} to ${found.sequence - 1} are`} missing before it`;
  if (found.sequence < expected) return `it is out of order: number ${expected} was expected`;
  if (hashOf(found) !== found.hash) return 'it was altered';
  if (found.previous !== before.hash) return 'the record before it was altered or put in its place';
  return undefined;
}

/** All records of a directory, in order. Throws E_NO_IMAGE where there are none. */
export async function checkAudit(dir: string): Promise<Check[]> {
  const [lines, last] = [await readIfThere(join(dir, RECORDS)), await readIfThere(join(dir, HEAD))];
  if (lines === undefined && last === undefined)
    throw new OsmithError('E_NO_IMAGE', `There are no records of builds in ${dir}`, {
      hint: 'Each `osmith build` adds one, in audit/ of the store or where audit.dir says',
    });
  const checks: Check[] = [];
  const add = (file: string, wrong: string | undefined, detail: string) =>
    checks.push({ file, what: 'audit', ok: wrong === undefined, detail: wrong ?? detail });
  let before = { sequence: 0, hash: NOTHING };
  const hashes = new Map<number, string>();
  for (const [index, line] of (lines ?? '').split('\n').entries()) {
    if (line === '') continue;
    const found = parsed(record, line);
    const name = found === undefined ? `line ${index + 1}` : `record ${found.sequence}`;
    const wrong = recordFault(found, before) ?? (found && (await logFault(dir, found)));
    add(name, wrong, found === undefined ? '' : summary(found));
    if (found === undefined) continue;
    before = found;
    hashes.set(found.sequence, hashOf(found));
  }
  const named = parsed(head, last ?? '');
  const wrong =
    named === undefined
      ? 'it is missing or cannot be read'
      : named.sequence > before.sequence
        ? `records after ${before.sequence} are missing, up to ${named.sequence}`
        : hashes.get(named.sequence) !== named.hash
          ? `record ${named.sequence} is another one than was written`
          : undefined;
  add(HEAD, wrong, `${before.sequence} records, ${before.hash}`);
  return checks;
}

async function logFault(dir: string, { log }: AuditRecord): Promise<string | undefined> {
  const text = await readIfThere(join(dir, log.file));
  if (text === undefined) return `its log ${log.file} is missing`;
  return sha256(text) === log.sha256 ? undefined : `its log ${log.file} was altered`;
}

function summary({ time, by, variant, result, artifacts }: AuditRecord): string {
  return `${time} ${by.user}@${by.host} ${Object.values(variant).join('-')} ${result}, ${artifacts.length} files`;
}
