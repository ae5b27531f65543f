/** Asks the host what host-checks.ts judges: reads files, looks for programs, tries things. Decides nothing. */
import { constants } from 'node:fs';
import { access, mkdtemp, readFile, rm, stat, statfs } from 'node:fs/promises';
import { release, totalmem, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Readable } from 'node:stream';
import { envVar } from '../env.ts';
import { toOsmithError } from '../errors.ts';
import { startInNamespace } from './namespace.ts';

/** How an attempt went; its output says why it failed. */
export interface Attempt {
  ok: boolean;
  output: string;
}

export interface HostFacts {
  user: { name: string; uid: number };
  node: string;
  kernel: string;
  osRelease: string;
  /** Kernel settings by name; absent: this kernel does not have it. */
  sysctls: Record<string, string | undefined>;
  subuid: string;
  subgid: string;
  /** Programs looked for: where they are, or nothing. */
  programs: Record<string, string | undefined>;
  keyring: boolean;
  store: { dir: string; freeBytes: number; writable: boolean };
  memoryBytes: number;
  kvm: 'usable' | 'denied' | 'absent';
  /** Entering namespaces as the engine does, and the overlay it needs there; absent: not tried. */
  namespace?: Attempt;
  overlay?: Attempt;
}

export const SYSCTLS = [
  'kernel.unprivileged_userns_clone',
  'kernel.apparmor_restrict_unprivileged_userns',
  'user.max_user_namespaces',
];

export const UTIL_LINUX = ['unshare', 'setpriv', 'flock', 'mount', 'umount', 'pivot_root'];
const PROGRAMS = [...UTIL_LINUX, 'newuidmap', 'newgidmap', 'mmdebstrap', 'apt-get', 'chroot'];

const KEYRINGS = ['debian-archive-keyring.gpg', 'debian-archive-keyring.pgp'].map((name) =>
  join('/usr/share/keyrings', name),
);

/** What can be learnt within milliseconds. */
export async function cheapFacts(storeDir: string): Promise<HostFacts> {
  const { username: name, uid } = userInfo();
  const [osRelease, subuid, subgid, programs, sysctls, keyring, store, kvm] = await Promise.all([
    read('/etc/os-release'),
    read('/etc/subuid'),
    read('/etc/subgid'),
    collect(PROGRAMS, findProgram),
    collect(SYSCTLS, readSysctl),
    Promise.all(KEYRINGS.map((file) => can(file, constants.R_OK))).then((found) => found.includes(true)),
    storeFacts(storeDir),
    kvmFacts(),
  ]);
  return {
    user: { name, uid },
    node: process.versions.node,
    kernel: release(),
    osRelease,
    sysctls,
    subuid,
    subgid,
    programs,
    keyring,
    store,
    memoryBytes: totalmem(),
    kvm,
  };
}

/** Also tries what only trying tells. Takes a fraction of a second. */
export async function allFacts(storeDir: string): Promise<HostFacts> {
  const facts = await cheapFacts(storeDir);
  const dir = await mkdtemp(join(await existingParent(storeDir), '.osmith-probe-')).catch(() => undefined);
  if (dir === undefined) return { ...facts, store: { ...facts.store, writable: false } };
  try {
    return { ...facts, ...(await tryNamespace(dir)) };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** What an overlay must be able to do: change, delete, replace a directory, change owners. Cleans up after itself. */
const OVERLAY_SCRIPT = `
  echo entered
  try() {
    cd "$1" && mkdir -p lower/dir upper work merged && echo 1 > lower/file || return
    mount -t overlay -o userxattr,lowerdir=lower,upperdir=upper,workdir=work overlay merged || return
    cd merged && echo 2 > file && rm file && rm -r dir && mkdir dir && chown 1:65534 dir
  }
  try "$1"; result=$?
  cd / && umount "$1/merged"; rm -rf "$1"/*
  exit $result
`;

/** Enters namespaces as the engine does and mounts an overlay in a directory on the store's own file system. */
async function tryNamespace(dir: string): Promise<{ namespace: Attempt; overlay?: Attempt }> {
  try {
    const { child } = await startInNamespace({
      argv: ['sh', '-c', OVERLAY_SCRIPT, 'sh', dir],
      env: { PATH: searchPath().join(':'), LC_ALL: 'C' },
      stdio: ['ignore', 'pipe', 'pipe'],
      network: false,
      detached: true,
    });
    const exited = new Promise<boolean>((resolve) => child.once('close', (code) => resolve(code === 0)));
    const streams = [child.stdout, child.stderr].map((stream) => text(stream as Readable));
    const [ok, out = '', err = ''] = await Promise.all([exited, ...streams]);
    const output = err.trim().split('\n')[0]!;
    if (!out.startsWith('entered')) return { namespace: { ok: false, output } };
    return { namespace: { ok: true, output: '' }, overlay: { ok, output } };
  } catch (error) {
    return { namespace: { ok: false, output: toOsmithError(error).message } };
  }
}

async function collect<T>(names: string[], find: (name: string) => Promise<T>): Promise<Record<string, T>> {
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await find(name)] as const)));
}

async function read(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => '');
}

async function readSysctl(name: string): Promise<string | undefined> {
  return (await read(`/proc/sys/${name.replaceAll('.', '/')}`)).trim() || undefined;
}

async function can(file: string, mode: number): Promise<boolean> {
  return access(file, mode).then(
    () => true,
    () => false,
  );
}

/** PATH, and where system programs are on hosts whose users do not have that on their PATH. */
function searchPath(): string[] {
  const own = (envVar('PATH') ?? '').split(':').filter((dir) => dir.startsWith('/'));
  return [
    ...new Set([...own, '/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']),
  ];
}

async function findProgram(name: string): Promise<string | undefined> {
  for (const dir of searchPath()) {
    const file = join(dir, name);
    if (await can(file, constants.X_OK)) return file;
  }
  return undefined;
}

async function existingParent(dir: string): Promise<string> {
  for (let at = dir; ; at = dirname(at))
    if ((await stat(at).catch(() => undefined))?.isDirectory()) return at;
}

async function storeFacts(dir: string): Promise<HostFacts['store']> {
  const parent = await existingParent(dir);
  const { bavail, bsize } = await statfs(parent);
  return { dir, freeBytes: bavail * bsize, writable: await can(parent, constants.W_OK | constants.X_OK) };
}

async function kvmFacts(): Promise<HostFacts['kvm']> {
  if (!(await can('/dev/kvm', constants.F_OK))) return 'absent';
  return (await can('/dev/kvm', constants.R_OK | constants.W_OK)) ? 'usable' : 'denied';
}
