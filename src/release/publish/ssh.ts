/**
 * A directory of another machine that ssh leads to. What is sent goes to a file of another name, is read back and
 * compared there, and gets its own name in one step. One that was cut off is continued.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { tempDir, uniqueName } from '../../env.ts';
import { OsmithError } from '../../errors.ts';
import type { Lock } from '../../run/lock.ts';
import { parseAddress, runSsh, sshArgs, sshError, startSsh, type Answer } from './ssh-remote.ts';
import { continued, type Reader } from '../reader.ts';
import { COMMIT, EXITS, GET, LIST, LOCK, LOOK, NAMES, READ, REMOVE, SEND } from './ssh-scripts.ts';
import type { Content, PublishedFile, Publisher, PublisherKind, PublisherOptions } from './types.ts';

export const sshKind: PublisherKind = { kind: 'ssh', open: openSsh, read: readSsh };

/** Servers take some ten sessions of one connection at a time. */
const SESSIONS = 4;
const ROUNDS = 3;

/** The lock, and the connection that all others share while it is held. */
interface Session {
  holder: string;
  control: string[];
  lost: boolean;
}

function openSsh({ target, name, signal }: PublisherOptions): Publisher {
  const address = parseAddress(target);
  const place = placeOf(target);
  const limit = pLimit(SESSIONS);
  let session: Session | undefined;
  const own = `${name}/.unfinished`;

  const run = async (script: string, lines: string[], data?: Parameters<typeof runSsh>[2]): Promise<Answer> =>
    limit(async () => {
      if (session?.lost === true) throw lostLock(place);
      const args = sshArgs(address, session?.control ?? [], script);
      const answer = await runSsh(args, [address.path, name, session?.holder ?? '', ...lines], data, signal);
      if (answer.code === EXITS.lost) throw lostLock(place);
      return answer;
    });
  const done = (answer: Answer, ...allowed: number[]): Answer => {
    if ([0, ...allowed].includes(answer.code)) return answer;
    throw sshError(place, answer);
  };

  /** Sends a file, or what is missing of it; true if it is there then, and what it must be. */
  const send = async (path: string, content: Content): Promise<boolean> => {
    const { size, sha256 } = about(content);
    const part = `${own}/${sha256}`;
    const known = [path, String(size), sha256, part];
    for (let round = 1; ; round += 1) {
      const found = done(await run(LOOK, known))
        .stdout.toString()
        .trim();
      if (found === 'there') return true;
      const offset = Number(found);
      if (!Buffer.isBuffer(content) && (await stat(content.file)).size !== size) break;
      const rest = Buffer.isBuffer(content)
        ? content.subarray(offset)
        : createReadStream(content.file, { start: Math.min(offset, size), highWaterMark: 1 << 20 });
      const answer = await run(SEND, [...known, String(offset)], rest);
      if (answer.code === 0) return true;
      done(answer, EXITS.moved, EXITS.mismatch);
      // What was sent before may have been damaged there; sent as a whole it is the source that is wrong.
      if (answer.code === EXITS.mismatch && offset === 0) break;
      if (round === ROUNDS) break;
    }
    done(await run(REMOVE, [], Buffer.from(`${part}\n`)));
    return false;
  };

  return {
    place,
    lock: async () => {
      const made = await lock();
      session = made?.session;
      return made && { release: async () => made.release().finally(() => (session = undefined)) };
    },
    list: async (directory) =>
      readList(done(await run(LIST, [directory]), EXITS.absent).stdout.toString(), directory),
    read: async (path, most) => {
      const answer = done(await run(READ, [path, String(most)]), EXITS.absent, EXITS.tooLarge);
      if (answer.code === EXITS.tooLarge)
        throw new OsmithError('E_TARGET', `${place}/${path} is too large to be what its name says`);
      return answer.code === EXITS.absent ? undefined : answer.stdout;
    },
    put: async (path, content) => {
      if (await send(path, content)) return;
      const file = Buffer.isBuffer(content) ? path : content.file;
      throw new OsmithError('E_SIGNATURE', `${file} is not what its manifest says`, {
        hint: 'Something changed it. Run `osmith build` again: it puts back what the store has',
      });
    },
    commit: async (path, content) => {
      const { size, sha256 } = about(content);
      const answer = await run(COMMIT, [path, String(size), sha256, `${own}/${uniqueName()}`], content);
      done(answer);
    },
    remove: async (paths) => {
      if (paths.some((path) => path.includes('\n')))
        throw new OsmithError('E_TARGET', 'A path with a line break cannot be published');
      done(await run(REMOVE, [], Buffer.from(paths.map((path) => `${path}\n`).join(''))));
    },
  };

  async function lock(): Promise<(Lock & { session: Session }) | undefined> {
    const dir = await mkdtemp(join(tempDir(), 'osmith-ssh-')); // nobody else may use the connection
    const control = ['-S', join(dir, 's')];
    const made: Session = {
      holder: uniqueName(),
      control: [...control, '-o', 'ControlMaster=no'],
      lost: false,
    };
    const args = sshArgs(address, [...control, '-o', 'ControlMaster=yes', '-o', 'ControlPersist=no'], LOCK);
    const { child, ended, stderr } = startSsh(args, [address.path, name, made.holder], signal);
    const locked = await saysLocked(child.stdout);
    const gone = ended.finally(() => (made.lost = true));
    gone.catch(() => {}); // told below, or it was held
    const release = async () => {
      child.stdin.end();
      await gone.catch(() => {});
      await rm(dir, { recursive: true, force: true });
    };
    if (locked) return { session: made, release };
    await release();
    signal?.throwIfAborted();
    const code = await gone;
    if (code === EXITS.held) return undefined;
    throw sshError(place, { code, stderr: await stderr });
  }
}

/** Whether the lock is held; whatever a login script prints before is passed over. */
async function saysLocked(output: AsyncIterable<Buffer>): Promise<boolean> {
  for await (const part of output) if (part.toString().includes('locked')) return true;
  return false;
}

function placeOf(target: string): string {
  return `ssh://${target.replace(/\/+$/, '')}`;
}

/** Each look is a connection of its own: nothing is held there. */
function readSsh({ target, signal }: Omit<PublisherOptions, 'name'>): Reader {
  const address = parseAddress(target);
  const place = placeOf(target);
  const known = (path: string) => [address.path, '.', '', path];
  return {
    place,
    open: async (path) => {
      const { child, ended, stderr } = startSsh(sshArgs(address, [], GET), known(path), signal);
      child.stdin.end();
      const parts = (async function* () {
        try {
          yield* child.stdout as AsyncIterable<Buffer>;
          const code = await ended;
          signal?.throwIfAborted();
          if (code !== 0 && code !== EXITS.absent) throw sshError(place, { code, stderr: await stderr });
        } finally {
          child.kill('SIGTERM');
        }
      })();
      const first = await parts.next();
      if (first.done === true && (await ended) === EXITS.absent) return undefined;
      return continued(first, parts);
    },
    list: async (path) => {
      const answer = await runSsh(sshArgs(address, [], NAMES), known(path), Buffer.alloc(0), signal);
      if (![0, EXITS.absent].includes(answer.code)) throw sshError(place, answer);
      return answer.stdout.toString().split('\n').filter(Boolean).sort();
    },
  };
}

function about(content: Content): { size: number; sha256: string } {
  if (!Buffer.isBuffer(content)) return content;
  return { size: content.length, sha256: createHash('sha256').update(content).digest('hex') };
}

function readList(text: string, directory: string): PublishedFile[] {
  const found = text.split('\n').flatMap((line) => {
    const [, size, path] = /^(\d+) \.\/(.+)$/.exec(line) ?? [];
    return path?.startsWith(`${directory}/`) ? [{ path, size: Number(size) }] : [];
  });
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function lostLock(place: string): OsmithError {
  return new OsmithError('E_NETWORK', `The connection to ${place} broke off, and with it the lock`, {
    hint: 'What is published is as it was, or is complete. Run the command again: it goes on where it was',
  });
}
