/**
 * Where a step's programs run: fresh namespaces, a root made of the tools tree (or the host's programs), and only
 * what is bound in. See sandbox.sh for the view it builds.
 */
import type { ChildProcess, StdioOptions } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { proxyEnv } from '../env.ts';
import { foreignEmulator } from './emulation.ts';
import { startInNamespace } from './namespace.ts';

const SCRIPT = join(import.meta.dirname, 'sandbox.sh');

export interface Bind {
  from: string;
  to: string;
  writable?: boolean;
}

/** A tree to mount. All directories are relative to the store. */
export interface TreeMount {
  at: string;
  /** Its layers, lowest first. */
  lowers: string[];
  /** Directories on one file system that take the changes; absent: read-only. */
  upper?: string;
  work?: string;
}

export interface SandboxSpec {
  /** The store's directory; tree layers are relative to it. */
  store: string;
  /** `host`, or the layer directories of the tools tree, lowest first. */
  root: 'host' | string[];
  argv: readonly string[];
  env?: Record<string, string>;
  cwd?: string;
  binds?: Bind[];
  trees?: TreeMount[];
  /** The tree mounted here gets the kernel's interfaces, for programs that enter it themselves. */
  system?: string;
  /** Enter the tree mounted here, with the kernel's interfaces in place. */
  chroot?: string;
  /** Architecture of foreign programs to run, if any. */
  arch?: string;
  network?: boolean;
  /** The root and what it holds cannot be written to; mounted trees and binds can, as they say. */
  readOnly?: boolean;
  /** Files and directories that are copied into memory, where only the program sees them. */
  secrets?: { from: string; to: string }[];
  stdio?: StdioOptions;
  /** Keeps the terminal's process group, for interactive programs. */
  foreground?: boolean;
  /** Ends the sandbox when aborted, also if that was before it started. */
  signal?: AbortSignal;
}

export interface SandboxProcess {
  child: ChildProcess;
  /** Exit code; 128 + number for a signal. */
  exit: Promise<number>;
  /** Ends the program and everything it started, at once. */
  kill: () => void;
}

const BASE_ENV = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  LANG: 'C.UTF-8',
  LC_ALL: 'C.UTF-8',
  TZ: 'UTC',
  TERM: 'dumb',
};

/**
 * Overlay wants the highest layer first, and none twice: two hooks that change the same make the same layer. The higher one
 * alone has the effect of both.
 */
function lowerdir(layers: string[]): string {
  return [...new Set(layers.toReversed())].join(':');
}

/** The operations of sandbox.sh for a spec, in mounting order. */
export function operations(spec: SandboxSpec): string[] {
  const ops = spec.root === 'host' ? ['--root-host'] : ['--root', lowerdir(spec.root)];
  for (const { from, to, writable } of spec.binds ?? [])
    ops.push(writable ? '--bind' : '--ro-bind', from, to);
  for (const { from, to } of spec.secrets ?? []) ops.push('--secret', from, to);
  if (spec.network) ops.push('--network');
  if (spec.readOnly) ops.push('--read-only');
  const emulator = spec.arch === undefined ? undefined : foreignEmulator(spec.arch);
  if (emulator) ops.push('--emulate', emulator.interpreter, emulator.magic);
  for (const { at, lowers, upper, work } of spec.trees ?? []) {
    if (upper === undefined || work === undefined) ops.push('--ro-overlay', at, lowerdir(lowers));
    else ops.push('--overlay', at, lowerdir(lowers), upper, work);
  }
  const system = spec.system ?? spec.chroot;
  if (system !== undefined) ops.push('--system', system);
  if (spec.chroot !== undefined) ops.push('--chroot', spec.chroot);
  if (spec.cwd !== undefined) ops.push('--chdir', spec.cwd);
  return ops;
}

/** Starts a program in its sandbox. `scratch` is a directory of the store for the sandbox's mount point. */
export async function startSandbox(spec: SandboxSpec, scratch: string): Promise<SandboxProcess> {
  await mkdir(scratch, { recursive: true });
  const mnt = await mkdtemp(join(scratch, 'mnt-'));
  const { child, kill: killAll } = await startInNamespace({
    argv: ['sh', SCRIPT, spec.store, relative(spec.store, mnt), ...operations(spec), '--', ...spec.argv],
    env: { ...BASE_ENV, ...(spec.network ? proxyEnv() : {}), ...spec.env },
    stdio: spec.stdio ?? ['ignore', 'inherit', 'inherit'],
    network: spec.network === true,
    detached: spec.foreground !== true,
  });
  let killed = false;
  const kill = () => {
    killed = true;
    killAll();
  };
  const exit = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    // How unshare(1) tells that its child was killed differs from version to version.
    child.once('exit', (code, signal) =>
      resolve(killed || signal === 'SIGKILL' ? 128 + 9 : (code ?? 128 + 15)),
    );
  }).finally(() => {
    spec.signal?.removeEventListener('abort', kill);
    return rm(mnt, { recursive: true, force: true });
  });
  if (spec.signal?.aborted) kill();
  else spec.signal?.addEventListener('abort', kill);
  return { child, exit, kill };
}
