/**
 * What runs the guest's code: KVM where it really works, else emulation. A /dev/kvm that opens proves nothing: under
 * nested virtualization simple code runs and a real kernel does not, so the image's own kernel is started for a moment.
 */
import { access, constants } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { OsmithError } from '../errors.ts';
import type { Arch } from './firmware.ts';
import { qemuProgram, type Accel } from './machine.ts';
import type { Tools } from './tools.ts';

export interface Acceleration {
  accel: Accel;
  /** Whether machines can have system management mode. */
  canSmm: boolean;
  /** For people: what it is, and why not better. */
  text: string;
}

const LIMIT = 5000;

/** The least machine that starts a kernel, speaks on the serial port, and ends when the kernel finds no root. */
export function probeArgv(arch: Arch, kernel: string, smm: boolean): string[] {
  const board = arch === 'amd64' ? `q35,smm=${smm ? 'on' : 'off'}` : 'virt';
  const console = arch === 'amd64' ? 'ttyS0' : 'ttyAMA0';
  return [
    ...[
      qemuProgram(arch),
      '-nodefaults',
      '-no-user-config',
      '-machine',
      board,
      '-accel',
      'kvm',
      '-cpu',
      'host',
    ],
    ...['-m', '256', '-kernel', kernel, '-append', `console=${console} panic=-1`],
    ...['-display', 'none', '-serial', 'stdio', '-no-reboot'],
  ];
}

/** Starts the kernel under KVM; why that did not work, or undefined. */
async function tryKvm(tools: Tools, arch: Arch, kernel: string, smm: boolean): Promise<string | undefined> {
  const { child, exit, kill } = await tools.start(probeArgv(arch, kernel, smm), {
    read: [kernel],
    kvm: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const enough = new AbortController();
  let output = '';
  const read = (piece: Buffer) => {
    output += piece.toString();
    if (/Run \/?\S*init|Kernel panic|KVM internal error/.test(output)) enough.abort();
  };
  child.stdout!.on('data', read);
  child.stderr!.on('data', read);
  const ended = exit.then(
    () => enough.abort(),
    () => enough.abort(),
  );
  await sleep(LIMIT, undefined, { signal: enough.signal }).catch(() => {});
  kill();
  await ended;
  // Our own kernel gets as far as looking for a root file system, and panics since there is none.
  if (/Kernel panic|Run \/?\S*init/.test(output)) return undefined;
  const complaint =
    /^qemu-system-\S+: (?:error: )?(?!warning|terminating)(.*)$|^(KVM internal error.*)$/m.exec(output);
  return complaint?.[1] ?? complaint?.[2] ?? `the kernel did not start within ${LIMIT / 1000} s`;
}

/** Why KVM is not even worth trying; undefined if it is. */
async function noKvm(arch: Arch, kernel: string | undefined): Promise<string | undefined> {
  const host = { x64: 'amd64', arm64: 'arm64' }[process.arch as string];
  if (host !== arch) return `the image is for ${arch}, this machine is not`;
  try {
    await access('/dev/kvm', constants.R_OK | constants.W_OK);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
      ? 'there is no /dev/kvm'
      : 'no access to /dev/kvm';
  }
  return kernel === undefined ? 'there is no kernel to try KVM with' : undefined;
}

function emulated(why: string): Acceleration {
  return { accel: 'tcg', canSmm: true, text: `emulated (TCG): ${why}` };
}

async function probe(tools: Tools, arch: Arch, kernel: string | undefined): Promise<Acceleration> {
  const why = await noKvm(arch, kernel);
  if (why !== undefined) return emulated(why);
  const fault = await tryKvm(tools, arch, kernel!, false);
  if (fault !== undefined) return emulated(`KVM does not work here: ${fault}`);
  const canSmm = arch === 'amd64' && (await tryKvm(tools, arch, kernel!, true)) === undefined;
  const text = arch === 'amd64' && !canSmm ? 'KVM, without system management mode' : 'KVM';
  return { accel: 'kvm', canSmm, text };
}

const found = new Map<Arch, Promise<Acceleration>>();

/** Chooses at run time; asked once per process and architecture. `wanted` overrides it. */
export function acceleration(
  tools: Tools,
  arch: Arch,
  kernel: string | undefined,
  wanted: 'auto' | Accel = 'auto',
): Promise<Acceleration> {
  if (wanted === 'tcg') return Promise.resolve(emulated('as asked'));
  let answer = found.get(arch);
  if (answer === undefined) {
    answer = probe(tools, arch, kernel);
    found.set(arch, answer);
  }
  if (wanted === 'auto') return answer;
  return answer.then((result) => {
    if (result.accel === 'kvm') return result;
    throw new OsmithError('E_HOST', `KVM was asked for, but cannot be used: ${result.text}`, {
      hint: 'Leave out --accel kvm: emulation needs nothing of the host',
    });
  });
}
