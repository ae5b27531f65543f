/** Runs scripts on another machine through the system's ssh, with the user's own settings of it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { envVar } from '../../env.ts';
import { isSystemError, OsmithError } from '../../errors.ts';

export interface Address {
  user?: string | undefined;
  host: string;
  port?: string | undefined;
  path: string;
}

/** Reads `[USER@]HOST[:PORT]/PATH`; a path that begins with `/~/` starts at the user's home. Throws E_USAGE. */
export function parseAddress(target: string): Address {
  const form = /^(?:([\w.][\w.-]*)@)?([\w.][\w.-]*|\[[0-9a-fA-F:.]+\])(?::(\d{1,5}))?\/([^\p{Cc}]+)$/u;
  const [, user, host, port, path] = form.exec(target) ?? [];
  if (host === undefined || path === undefined)
    throw new OsmithError('E_USAGE', `ssh://${target} names no directory of a host`, {
      hint: 'Write ssh://[USER@]HOST[:PORT]/PATH, such as ssh://www@example.org/srv/www',
    });
  return {
    ...{ user, port, host: host.replace(/^\[|\]$/g, '') },
    path: path.startsWith('~/') ? path.slice(2) : `/${path}`,
  };
}

/** Arguments of ssh. Never asks; a host whose key is not known is refused whatever the user's settings say. */
export function sshArgs({ user, host, port }: Address, control: string[], script: string): string[] {
  const key = envVar('OSMITH_SSH_KEY');
  const known = envVar('OSMITH_SSH_KNOWN_HOSTS');
  const options = [
    ...['BatchMode=yes', 'StrictHostKeyChecking=yes', 'UpdateHostKeys=no', 'VerifyHostKeyDNS=no'],
    ...['ConnectTimeout=20', 'ServerAliveInterval=15', 'ServerAliveCountMax=4'],
    ...['ForwardAgent=no', 'ForwardX11=no', 'ClearAllForwardings=yes', 'RequestTTY=no', 'LogLevel=ERROR'],
    ...(known === undefined ? [] : [`UserKnownHostsFile=${known}`, 'GlobalKnownHostsFile=/dev/null']),
    ...(key === undefined ? [] : [`IdentityFile=${key}`, 'IdentitiesOnly=yes']),
  ];
  return [
    ...options.flatMap((option) => ['-o', option]),
    ...control,
    ...(user === undefined ? [] : ['-l', user]),
    ...(port === undefined ? [] : ['-p', port]),
    ...['-T', '--', host, `exec sh -c '${script}'`],
  ];
}

export interface Answer {
  /** Of the script; 255: ssh itself failed. */
  code: number;
  stdout: Buffer;
  stderr: string;
}

/** Starts ssh; `lines` go to its standard input first. */
export function startSsh(args: string[], lines: readonly string[], signal?: AbortSignal) {
  signal?.throwIfAborted();
  if (lines.some((line) => line.includes('\n')))
    throw new OsmithError('E_TARGET', 'A path with a line break cannot be published');
  const child = spawn('ssh', args, { stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  child.on('error', () => {}); // told by `ended`
  child.stdin.on('error', () => {}); // it ends early when the script does
  const stop = () => child.kill('SIGTERM');
  signal?.addEventListener('abort', stop, { once: true });
  const ended = once(child, 'close')
    .then(([code]) => (code as number | null) ?? 255)
    .catch((cause: unknown) => {
      throw new OsmithError('E_HOST', 'ssh cannot be run', { cause, hint: 'Install openssh-client' });
    })
    .finally(() => signal?.removeEventListener('abort', stop));
  ended.catch(() => {}); // whoever waits for it is told
  child.stdin.write(lines.map((line) => `${line}\n`).join(''));
  return { child, ended, stderr: text(child.stderr).catch(() => '') };
}

/** Runs a script to its end. Throws only if ssh cannot be run, or if it was interrupted. */
export async function runSsh(
  args: string[],
  lines: readonly string[],
  data: Readable | Buffer = Buffer.alloc(0),
  signal?: AbortSignal,
): Promise<Answer> {
  const { child, ended, stderr } = startSsh(args, lines, signal);
  const stdout = buffer(child.stdout).catch(() => Buffer.alloc(0));
  const source = Buffer.isBuffer(data) ? Readable.from([data], { objectMode: false }) : data;
  let unreadable: unknown;
  // That the other end is gone also arrives here.
  source.on('error', (error) => {
    if (isSystemError(error) && ['open', 'read'].includes(error.syscall ?? '')) unreadable = error;
  });
  await pipeline(source, child.stdin).catch(() => {}); // the exit code says what happened there
  if (unreadable !== undefined) child.kill('SIGTERM');
  const code = await ended;
  signal?.throwIfAborted();
  if (unreadable !== undefined) throw unreadable as Error;
  return { code, stdout: await stdout, stderr: await stderr };
}

/** What went wrong, from what ssh or the script said last. */
export function sshError(place: string, { code, stderr }: Pick<Answer, 'code' | 'stderr'>): OsmithError {
  const lines = stderr.replaceAll(/[^\x20-\x7e\n]/g, '').split('\n');
  const why = lines.filter((line) => line.trim() !== '').at(-1) ?? `exit code ${code}`;
  if (code !== 255) {
    if (stderr.includes('No space left on device') || stderr.includes('Disk quota exceeded'))
      return new OsmithError('E_NO_SPACE', `No space left in ${place}`, {
        hint: 'Free some space there, or keep fewer old releases. What is published is as it was',
      });
    return new OsmithError('E_TARGET', `Cannot use ${place}: ${why}`, {
      hint: 'It must be a directory that you may write to there. What is published is as it was',
    });
  }
  if (/host key/i.test(stderr))
    return new OsmithError('E_TARGET', `${place} has another host key than the one that is known: ${why}`, {
      hint: 'Find out the right key by another way than this connection, then put it into ~/.ssh/known_hosts or the file that OSMITH_SSH_KNOWN_HOSTS names',
    });
  if (/permission denied|authentication|identity file|load key/i.test(stderr))
    return new OsmithError('E_TARGET', `${place} does not let you in: ${why}`, {
      hint: 'OSMITH_SSH_KEY names the file with the private key, readable by you alone; without it ssh uses its own settings and agent',
    });
  return new OsmithError('E_NETWORK', `The connection to ${place} failed: ${why}`, {
    hint: 'What is published is as it was, or is complete. Run the command again: it goes on where it was',
  });
}
