/** Whether this host can build: all of it for `osmith doctor`, the quick part before each build. */
import { defaultStoreDir } from '../env.ts';
import { OsmithError } from '../errors.ts';
import { judge, type HostCheck } from './host-checks.ts';
import { allFacts, cheapFacts } from './host-facts.ts';

export type { HostCheck } from './host-checks.ts';

/** Everything that Osmith needs or profits from; really enters a namespace and mounts an overlay. */
export async function checkHost(storeDir = defaultStoreDir()): Promise<HostCheck[]> {
  return judge(await allFacts(storeDir));
}

/**
 * Throws E_HOST unless everything required is there. Takes a few milliseconds, as it tries nothing unless a kernel
 * setting makes it doubtful that namespaces work.
 */
export async function requireHost(storeDir = defaultStoreDir()): Promise<void> {
  const cheap = judge(await cheapFacts(storeDir));
  if (lacking(cheap).length === 0) return;
  const error = hostError(judge(await allFacts(storeDir)));
  if (error !== undefined) throw error;
}

/** All that is missing as one error; undefined if nothing is. */
export function hostError(checks: HostCheck[]): OsmithError | undefined {
  const [first, ...rest] = lacking(checks).map(asError);
  if (first === undefined || rest.length === 0) return first;
  return new OsmithError('E_HOST', first.message, { ...first.details, also: rest });
}

export function lacking(checks: HostCheck[]): HostCheck[] {
  return checks.filter((check) => check.status === 'missing');
}

function asError({ name, found, why, commands, advice }: HostCheck): OsmithError {
  return new OsmithError('E_HOST', `${name}: ${found} (${why})`, {
    hint: [...commands, ...(advice === undefined ? [] : [advice])].join('\n'),
  });
}
