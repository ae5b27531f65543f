/** Starts a virtual machine and holds on to it: its console, its control socket, its end. */
import { constants, createWriteStream, openSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { now, tempDir } from '../env.ts';
import { OsmithError } from '../errors.ts';
import { usesSmm, type Arch, type Firmware } from './firmware.ts';
import { credentialString, loginCredential, type Login } from './login.ts';
import {
  machineArgv,
  machineFiles,
  type Accel,
  type Disk,
  type Machine,
  type Nic,
  type OemString,
} from './machine.ts';
import { openQmp, quit, type Qmp } from './qmp.ts';
import { openSerial, type Serial, type SerialLine } from './serial.ts';
import type { ToolProcess, Tools } from './tools.ts';

/** What to start; the rest of a `Machine` follows from it. */
export interface VmSpec {
  arch: Arch;
  firmware: Firmware;
  accel: Accel;
  /** Whether the accelerator can do system management mode. */
  canSmm: boolean;
  memory: number;
  cpus: number;
  disks?: Disk[];
  nics?: Nic[];
  /** Lets the guest reach what the host reaches. Otherwise its network has only QEMU's own servers. */
  outside?: boolean;
  kernel?: Machine['kernel'] | undefined;
  /** Gives root this password inside the guest. */
  login?: Login | undefined;
  /** Texts that the guest finds in its firmware's tables (SMBIOS type 11). */
  oemStrings?: string[] | undefined;
  clock?: string | undefined;
  graphics?: boolean | undefined;
}

export interface Vm {
  spec: VmSpec;
  serial: Serial;
  qmp: Qmp;
  /** Path of the console's log. */
  log: string;
  /** When it was switched on, in the terms of `now()`. */
  started: number;
  /** What QEMU said on its standard error. */
  complaints(): string;
  /** Resolves when QEMU has ended and its files are gone. */
  ended: Promise<void>;
  hasEnded(): boolean;
  /** Ends it in an orderly way, as far as QEMU is concerned. */
  stop(): Promise<void>;
  /** Pulls the plug. */
  cut(): Promise<void>;
}

/** Listens on a unix socket for the one connection that QEMU makes. */
async function acceptOne(path: string): Promise<{ connection: Promise<Socket>; close(): void }> {
  const server = createServer();
  const connection = new Promise<Socket>((resolve) => server.once('connection', resolve));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  return { connection, close: () => server.close() };
}

/** Makes the named pipes of a serial line and opens our ends. A pipe's reader sees its end when QEMU is gone. */
async function openLine(path: string): Promise<SerialLine> {
  const { execa } = await import('execa');
  await execa('mkfifo', ['-m', '600', `${path}.in`, `${path}.out`]);
  const { O_RDONLY, O_RDWR, O_NONBLOCK } = constants;
  const output = openSync(`${path}.out`, O_RDONLY | O_NONBLOCK);
  // Opening for writing alone fails while nobody reads yet.
  const input = openSync(`${path}.in`, O_RDWR | O_NONBLOCK);
  return {
    output: new Socket({ fd: output, readable: true, writable: false }),
    input: new Socket({ fd: input, readable: false, writable: true }),
  };
}

/** Writes what the guest gets through the firmware; the machine's part for it. */
async function guestData(dir: string, spec: VmSpec): Promise<Pick<Machine, 'oemStrings' | 'fwCfg'>> {
  const oemStrings: OemString[] = [];
  for (const [index, text] of (spec.oemStrings ?? []).entries()) {
    const file = join(dir, `oem-string-${index}`);
    await writeFile(file, text, { mode: 0o600 });
    oemStrings.push({ file });
  }
  if (spec.login === undefined) return { oemStrings };
  const credential = loginCredential(spec.login);
  const file = join(dir, 'credential');
  // Without UEFI an arm64 machine has no SMBIOS; systemd also looks at QEMU's own interface.
  if (spec.arch === 'arm64' && spec.firmware === 'direct') {
    await writeFile(file, credential[1], { mode: 0o600 });
    return { oemStrings, fwCfg: [{ name: `opt/io.systemd.credentials/${credential[0]}`, file }] };
  }
  await writeFile(file, credentialString(credential), { mode: 0o600 });
  return { oemStrings: [...oemStrings, { file }] };
}

/** Starts QEMU and connects to it. The console goes to `log`. When `signal` aborts, the machine is gone at once. */
export async function startVm(tools: Tools, spec: VmSpec, log: string, signal: AbortSignal): Promise<Vm> {
  signal.throwIfAborted();
  // Not beside the log: a socket's path has at most 107 characters.
  const dir = await mkdtemp(join(tempDir(), 'osmith-vm-'));
  await chmod(dir, 0o700);
  const remove = () => rm(dir, { recursive: true, force: true });
  const machine: Machine = {
    ...spec,
    smm: spec.canSmm && usesSmm(spec.arch, spec.firmware),
    disks: spec.disks ?? [],
    nics: spec.nics ?? [],
    ...(await guestData(dir, spec)),
    serial: join(dir, 'serial'),
    qmp: join(dir, 'qmp'),
  };
  const socket = await acceptOne(machine.qmp);
  const line = await openLine(machine.serial);
  const closeAll = async () => {
    socket.close();
    line.input.destroy();
    await remove();
  };
  let process: ToolProcess;
  try {
    process = await startQemu(tools, machine, dir, spec.outside === true);
  } catch (error) {
    line.output.destroy();
    await closeAll();
    throw error;
  }
  let complaints = '';
  process.child.stderr!.on('data', (piece: Buffer) => (complaints += piece.toString()));
  let gone = false;
  const kill = () => process.kill();
  signal.addEventListener('abort', kill, { once: true });
  if (signal.aborted) kill();
  const ended = process.exit
    .catch(() => {})
    .then(async () => {
      gone = true;
      signal.removeEventListener('abort', kill);
      await closeAll();
    });

  const qmp = await Promise.race([
    socket.connection.then(openQmp).catch(() => undefined),
    ended.then(() => undefined),
  ]);
  if (qmp === undefined) {
    await ended;
    line.output.destroy();
    signal.throwIfAborted();
    throw new OsmithError('E_TOOL', 'QEMU did not start', {
      tail: complaints.trimEnd().split('\n').slice(-10),
    });
  }
  const started = now();
  const logStream = createWriteStream(log);
  logStream.on('error', () => {}); // a full disk is met again, and reported, elsewhere
  const serial = openSerial(line, logStream);
  const closed = new Promise<void>((resolve) => line.output.once('close', resolve));
  return {
    spec,
    serial,
    qmp,
    log,
    started,
    complaints: () => complaints,
    ended: ended
      .then(() => Promise.race([closed, sleep(1000, undefined, { ref: false })]))
      .then(() => new Promise<void>((resolve) => logStream.end(() => resolve()))),
    hasEnded: () => gone,
    async stop() {
      // Asked first, so that it writes out a disk that is kept; a QEMU that hangs must not hold us up.
      await Promise.race([quit(qmp), ended, sleep(2000, undefined, { ref: false })]);
      process.kill();
      serial.close();
      qmp.close();
      await ended;
    },
    async cut() {
      process.kill();
      serial.close();
      qmp.close();
      await ended;
    },
  };
}

/** QEMU in the tools tree, with only the files that this machine is made of. */
function startQemu(tools: Tools, machine: Machine, dir: string, outside: boolean): Promise<ToolProcess> {
  const { read, write } = machineFiles(machine);
  return tools.start(machineArgv(machine), {
    read,
    write: [dir, ...write],
    // Temporary files of snapshots: they may grow large, and must go with the machine.
    env: { TMPDIR: dir },
    kvm: machine.accel === 'kvm',
    network: outside || machine.nics.some((nic) => (nic.forward ?? []).length > 0),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}
