import { nearest } from '../../config/nearest.ts';
import { OsmithError } from '../../errors.ts';

const MISSING = /^\S+ \S+ has no package (\S+) for /;

/** To "there is no such package" the name that was probably meant, out of all that apt knows. */
export async function withNearest(error: unknown, names: () => Promise<string>): Promise<unknown> {
  if (!(error instanceof OsmithError)) return error;
  const wanted = MISSING.exec(error.message)?.[1];
  if (wanted === undefined) return error;
  const meant = nearest(wanted, (await names()).split('\n'));
  if (meant === undefined) return error;
  const hint = `Did you mean ${meant}? ${error.details.hint ?? ''}`.trim();
  return new OsmithError(error.code, error.message, { ...error.details, hint });
}
