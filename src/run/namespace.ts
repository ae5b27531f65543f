/**
 * Enters fresh user, mount, PID (and normally network) namespaces in which the caller is root over 65536 ids,
 * without being root outside: `newuidmap` maps the subordinate ids, or root writes an identity map itself.
 * Both ways give the same view, so that both give the same trees.
 */
import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { OsmithError } from '../errors.ts';

/** How many ids a sandbox has: 0 to 65535. */
const IDS = 65536;

export interface IdRange {
  start: number;
  count: number;
}

/** The first range of at least 65535 ids that /etc/subuid or /etc/subgid text grants a user. */
export function subordinateRange(text: string, user: string, uid: number): IdRange | undefined {
  return text
    .split('\n')
    .map((line) => line.trim().split(':'))
    .filter(([owner]) => owner === user || owner === String(uid))
    .map(([, start, count]) => ({ start: Number(start), count: Number(count) }))
    .find((range) => Number.isInteger(range.start) && range.count >= IDS - 1);
}

async function mapIds(pid: number): Promise<void> {
  const { uid, gid, username } = userInfo();
  if (uid === 0) {
    await writeFile(`/proc/${pid}/uid_map`, `0 0 ${IDS}\n`);
    await writeFile(`/proc/${pid}/gid_map`, `0 0 ${IDS}\n`);
    return;
  }
  for (const [tool, file, own] of [
    ['newuidmap', '/etc/subuid', uid],
    ['newgidmap', '/etc/subgid', gid],
  ] as const) {
    const range = subordinateRange(await readFile(file, 'utf8').catch(() => ''), username, uid);
    if (range === undefined) {
      throw new OsmithError('E_HOST', `${username} has no range of ${IDS - 1} subordinate ids in ${file}`, {
        hint: `sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${username}`,
      });
    }
    const { execa } = await import('execa');
    const args = [pid, 0, own, 1, 1, range.start, IDS - 1].map(String);
    const result = await execa(tool, args, { reject: false });
    if (result.failed) {
      throw new OsmithError('E_HOST', `${tool} failed: ${result.stderr || result.message}`, {
        hint: 'Install the package uidmap (newuidmap, newgidmap); `osmith doctor` says more',
      });
    }
  }
}

export interface NamespaceOptions {
  argv: readonly string[];
  env: Record<string, string>;
  stdio: StdioOptions;
  /** Share the host's network. */
  network: boolean;
  /** Own process group, so that ^C on the terminal reaches only us. */
  detached: boolean;
}

export interface NamespaceProcess {
  child: ChildProcess;
  /** Ends the program and all it started. When `child` exits, all of them are gone. */
  kill: () => void;
}

/** Waits to be told that the ids are mapped. */
const MAPPED = 'echo >&4; read -r ok <&3 || exit 125; exec "$@"';
/**
 * The first process of the namespace. Its death signals are set by now: if our process died before that, nothing
 * answers and it ends. /proc is still the host's, so that its stat begins with the process id as the host sees it.
 */
const ARMED =
  'read -r pid rest < /proc/self/stat; echo "$pid" >&4; read -r ok <&3 || exit 125; exec 3<&- 4>&-; exec "$@"';

/** The next line that the child writes. It ends instead where namespaces are forbidden. */
async function nextLine(ready: Readable, child: ChildProcess): Promise<string> {
  const line = await Promise.race([
    once(ready, 'data').then(([data]) => String(data).trim()),
    once(child, 'exit').then(() => undefined),
    once(child, 'error').then(([error]) => error as Error),
  ]);
  if (typeof line === 'string') return line;
  const said = child.stderr === null ? '' : await text(child.stderr);
  throw new OsmithError('E_HOST', 'This host does not let you create user namespaces', {
    cause: line,
    tail: said === '' ? undefined : said.trim().split('\n'),
    hint: '`osmith doctor` names the setting to change',
  });
}

/** Starts a program as root of new namespaces. It, and all it starts, dies when this process dies, however that happens. */
export async function startInNamespace(options: NamespaceOptions): Promise<NamespaceProcess> {
  const { stdio } = options;
  const own = typeof stdio === 'string' ? [stdio, stdio, stdio] : stdio;
  const net = options.network ? [] : ['--net'];
  const argv = [
    ...['--user', 'sh', '-c', MAPPED, 'sh', 'setpriv', '--pdeathsig', 'KILL'],
    ...['unshare', '--mount', '--propagation', 'private', '--pid', ...net, '--ipc', '--uts', '--fork'],
    ...['--kill-child=KILL', 'sh', '-c', ARMED, 'sh', ...options.argv],
  ];
  const child = spawn('unshare', argv, {
    env: options.env,
    stdio: [...own, 'pipe', 'pipe'],
    detached: options.detached,
  });
  const go = child.stdio[3] as Writable;
  const ready = child.stdio[4] as Readable;
  go.on('error', () => {}); // the child may be gone already; its exit says so
  try {
    await nextLine(ready, child);
    await mapIds(child.pid!);
    go.write('ok\n');
    const pid = Number(await nextLine(ready, child));
    go.end('ok\n');
    ready.destroy();
    const kill = () => {
      // The kernel ends a PID namespace as a whole before its first process counts as gone, and `unshare` waits for that.
      if (child.exitCode !== null || child.signalCode !== null) return;
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended in the meantime.
      }
    };
    return { child, kill };
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
}

/** Runs a host program as root over the subordinate ids, for trees whose files belong to them; its standard output. */
export async function inNamespace(argv: readonly string[]): Promise<string> {
  const { child } = await startInNamespace({
    argv,
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8' },
    stdio: ['ignore', 'pipe', 'pipe'],
    network: false,
    detached: true,
  });
  const exit = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout!), text(child.stderr!), exit]);
  if (code !== 0) throw new OsmithError('E_STORE', `${argv[0]} failed: ${stderr.trim()}`);
  return stdout;
}
