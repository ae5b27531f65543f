import { OsmithError } from '../../errors.ts';
import { toolError, type Cause } from '../tool-error.ts';

/** What install.sh says that users can act on. */
const CAUSES: Cause[] = [
  {
    pattern: /osmith: the script (\S+) of (\S+) failed with (\d+)/,
    make: ([, kind, name, code]) =>
      new OsmithError('E_TOOL', `The ${kind} script of ${name} failed with ${code}`, {
        hint: 'The log shows what it said; the package, or what it needs, is at fault',
      }),
  },
];

export function apkError(error: unknown): unknown {
  return toolError(error, CAUSES);
}
