/** Publishes what a build printed before it failed, where releases go: below failed/NAME/, which no machine looks at. */
import { OsmithError } from '../errors.ts';
import { LOG } from './layout.ts';
import { openPublisher } from './publish/index.ts';

const FAILED = 'failed';
/** So many logs of a build stay. */
const KEPT = 10;

export interface FailureReport {
  /** As of a release. */
  target: string;
  /** Of the build. */
  name: string;
  log: Buffer;
  /** When it failed, milliseconds since the Unix epoch. */
  time: number;
  signal?: AbortSignal | undefined;
}

/** Returns where the log is then. */
export async function publishFailure({ target, name, log, time, signal }: FailureReport): Promise<string> {
  const base = `${FAILED}/${name}`;
  const publisher = openPublisher({ target, name: base, signal });
  const lock = await publisher.lock();
  if (lock === undefined)
    throw new OsmithError('E_LOCK', `The log is not in ${publisher.place}: another one is being published`);
  try {
    const file = `${base}/${new Date(time).toISOString().replaceAll(':', '.')}/${LOG}`;
    await publisher.commit(file, log);
    const all = (await publisher.list(base)).map(({ path }) => path);
    const logs = all.filter((path) => new RegExp(`^${FAILED}/[^/]+/[0-9T.-]+Z/${LOG}$`).test(path)).sort();
    await publisher.remove(logs.slice(0, -KEPT));
    return `${publisher.place}/${file}`;
  } finally {
    await lock.release();
  }
}
