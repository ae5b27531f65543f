/**
 * A lock in a bucket, which knows no processes, and not everywhere conditions. Whoever wants it puts an object of its own
 * first and looks for others after that: of two, one at least sees the other and gives up. It holds as long as it is
 * renewed. That listings show what was put before is what S3 promises.
 */
import { now } from '../../env.ts';
import { OsmithError } from '../../errors.ts';
import type { Lock } from '../../run/lock.ts';
import { xmlElements, xmlText, type S3Client } from './s3-client.ts';

/** Milliseconds after which a lock that was not renewed counts as that of a process that died. */
const LEASE = 120_000;

export interface S3Lock extends Lock {
  /** Throws E_NETWORK if the lock may have been taken over. */
  check(): Promise<void>;
}

export interface S3LockOptions {
  client: S3Client;
  /** Of the lock's objects. */
  prefix: string;
  /** Tells us from all others. */
  holder: string;
  lease?: number;
}

/** All locks, and how long ago each was renewed, by the server's own clock. */
async function findLocks(client: S3Client, prefix: string): Promise<{ key: string; age: number }[]> {
  const { headers, body } = await client.send('GET', '', { query: { 'list-type': '2', prefix } });
  const time = Date.parse(headers.get('date') ?? '');
  return xmlElements(body.toString(), 'Contents').flatMap((text) => {
    const key = xmlText(text, 'Key');
    if (key?.startsWith(prefix) !== true) return [];
    return [{ key, age: time - Date.parse(xmlText(text, 'LastModified') ?? '') }];
  });
}

/** Undefined: another one holds it, or wants it at the same moment. */
export async function lockS3(options: S3LockOptions): Promise<S3Lock | undefined> {
  const { client, prefix, holder, lease = LEASE } = options;
  const key = `${prefix}${holder}`;
  // An age that cannot be told counts as young.
  const others = async () => (await findLocks(client, prefix)).filter((each) => each.key !== key);
  const held = async () => (await others()).some(({ age }) => !(age > lease));
  const put = async () =>
    client.send('PUT', key, { body: Buffer.from(holder), headers: { 'content-type': 'text/plain' } });
  const drop = async (what: string) => client.send('DELETE', what, { allow: [404] });
  if (await held()) return undefined; // so that one who only tries disturbs nobody
  let renewed = now();
  await put();
  const rivals = await others();
  if (rivals.some(({ age }) => !(age > lease))) {
    await drop(key);
    return undefined;
  }
  for (const old of rivals) await drop(old.key);

  let released = false;
  const isThere = async () => (await client.send('HEAD', key, { allow: [404] })).status === 200;
  const renew = async () => {
    const start = now();
    // One that was taken away is never put back.
    if (released || !(await isThere())) return;
    await put();
    renewed = start;
  };
  let running = Promise.resolve();
  const timer = setInterval(() => {
    running = running.then(renew).catch(() => {}); // `check` tells
  }, lease / 5);
  timer.unref();
  return {
    check: async () => {
      const late = now() - renewed > lease / 2;
      const locks = late ? [] : await findLocks(client, prefix);
      if (locks.length === 1 && locks[0]!.key === key) return;
      throw new OsmithError('E_NETWORK', `The lock of ${client.place} could not be renewed in time`, {
        hint: 'What is published is as it was. Run the command again: it goes on where it was',
      });
    },
    release: async () => {
      if (released) return;
      released = true;
      clearInterval(timer);
      await running;
      await drop(key);
    },
  };
}
