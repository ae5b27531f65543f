import { OsmithError, type Where } from '../errors.ts';

/** Something wrong with a configuration. Collected, so that the user sees all of them at once. */
export interface Fault {
  message: string;
  hint?: string | undefined;
  where?: Where | undefined;
}

/** What stands in place of a value that comes from a private file. */
export const HIDDEN = '***';

/** One error of several faults: the first one, which carries the others. */
export function faultsError([first, ...rest]: [Fault, ...Fault[]]): OsmithError {
  return faultError(first, rest.length === 0 ? undefined : rest.map((fault) => faultError(fault)));
}

function faultError({ message, hint, where }: Fault, also?: OsmithError[]): OsmithError {
  return new OsmithError('E_CONFIG', message, { hint, where, also });
}

export function placeText({ file, line }: Where): string {
  return line === undefined ? file : `${file}:${line}`;
}
