/** What package managers say, as errors that a user can act on. */
import { OsmithError } from '../errors.ts';

export interface Cause {
  pattern: RegExp;
  make: (match: RegExpMatchArray) => OsmithError;
}

/** A failed run as the error of the first cause that its words show; the original one if they are not known. */
export function toolError(error: unknown, causes: Cause[]): unknown {
  if (!(error instanceof OsmithError) || error.code !== 'E_TOOL') return error;
  const text = (error.details.tail ?? []).join('\n');
  for (const { pattern, make } of causes) {
    const match = text.match(pattern);
    if (match === null) continue;
    const clear = make(match);
    return new OsmithError(clear.code, clear.message, { ...error.details, ...clear.details });
  }
  return error;
}

export function unreachable(host: string): OsmithError {
  return new OsmithError('E_NETWORK', `${host} cannot be reached`, {
    hint: 'Check the network, the proxy variables and bootstrap.mirror',
  });
}

/** The error with further lines that the program printed. */
export function withTail(error: unknown, lines: string[]): unknown {
  if (!(error instanceof OsmithError)) return error;
  const tail = [...(error.details.tail ?? []), ...lines];
  return new OsmithError(error.code, error.message, { ...error.details, tail });
}
