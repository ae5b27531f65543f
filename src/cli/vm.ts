/** `osmith vm`: boots the built image, on the user's terminal or just until it is up. */
import { mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { now } from '../env.ts';
import { OsmithError } from '../errors.ts';
import { count, duration } from '../report/style.ts';
import { requireHost } from '../run/host.ts';
import { acceleration } from '../vm/accel.ts';
import { describeFacts, readFacts } from '../vm/facts.ts';
import { FIRMWARES, unsupported, type Arch, type Firmware } from '../vm/firmware.ts';
import { openGuest } from '../vm/guest.ts';
import { artifact, findArtifact, openImage, type Image } from '../vm/image.ts';
import { oneTimeLogin, type Login } from '../vm/login.ts';
import type { Accel, Disk } from '../vm/machine.ts';
import { allowReset } from '../vm/qmp.ts';
import { openVmTools } from '../vm/sandbox-tools.ts';
import { plainText } from '../vm/serial.ts';
import { connectTerminal, LEAVE } from '../vm/terminal.ts';
import { bootError, powerOff, waitUp } from '../vm/up.ts';
import { startVm, type Vm, type VmSpec } from '../vm/vm.ts';
import { sizeOption } from './arguments.ts';
import { REPORTS } from '../plan/name.ts';
import { globals, reporterFor } from './globals.ts';
import { interruption } from './signals.ts';
import { accelOption, machineDefaults } from './test.ts';
import { addVariantOptions, loadVariant } from './variant.ts';
import { composedMachine, type ComposedMachine } from './vm-composed.ts';

interface Forward {
  host: number;
  guest: number;
}

interface VmOptions {
  out: string;
  composed?: string;
  firmware?: Firmware;
  memory?: number;
  cpus?: number;
  disk?: string;
  forward?: Forward[];
  login?: boolean;
  untilUp?: boolean;
  timeout: number;
  accel: 'auto' | Accel;
}

const WORDS: Record<Firmware, string> = {
  'uefi-secure': 'UEFI with Secure Boot',
  uefi: 'UEFI without Secure Boot',
  bios: 'BIOS',
  direct: 'no boot loader',
};

export function register(program: Command): void {
  const command = program.command('vm').description('boot the built image in a virtual machine');
  addVariantOptions(command)
    .option('--out <dir>', 'where `build` put the artifacts', 'out')
    .option(
      '--composed <name>',
      'boot what `compose --output` wrote under this name; default: without boot loader',
    )
    .addOption(
      new Option(
        '--firmware <kind>',
        'what boots it; default: uefi-secure, or uefi where nobody has signed the kernel',
      ).choices(FIRMWARES),
    )
    .option('--memory <size>', 'such as 512M or 2G; default: option memory of section [vm]', parseMemory)
    .option('--cpus <n>', 'processors; default: option cpus of section [vm]', parsePositive)
    .option('--disk <file>', 'boot this disk (raw or .qcow2) and keep what is written to it')
    .option(
      '--forward <host:guest>',
      'TCP port of this machine to one of the guest (repeatable)',
      parseForward,
      [],
    )
    .option('--login', 'let root in, with a password for this run; the image stays as it is')
    .option('--until-up', 'no terminal: show the console, wait until the system is up, say so, power off')
    .option('--timeout <seconds>', 'how long `--until-up` waits', parsePositive, 300)
    .addOption(accelOption())
    .action(async (_branch: string | undefined, options: VmOptions) => vm(command, options));
}

function parsePositive(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a positive number.');
}

/** In MiB. */
function parseMemory(text: string): number {
  return Math.ceil(sizeOption(text) / 2 ** 20);
}

function parseForward(text: string, previous: Forward[] = []): Forward[] {
  const match = /^(\d{1,5}):(\d{1,5})$/.exec(text);
  if (match === null) throw new InvalidArgumentError('It must be two port numbers, such as 2222:22.');
  return [...previous, { host: Number(match[1]), guest: Number(match[2]) }];
}

/** The disk to boot: one of the user's own, or the artifact, which stays as it is. */
function disks(image: Image, firmware: Firmware, { disk, login, untilUp }: VmOptions): Disk[] {
  if (disk !== undefined) {
    if (login || untilUp) {
      // The password would stay on the disk, if that is where the system keeps /etc.
      const option = login ? '--login' : '--until-up';
      throw new OsmithError(
        'E_USAGE',
        `${option} sets a one-time password, which a disk of yours would keep`,
        {
          hint: `Leave out --disk, or ${option}`,
        },
      );
    }
    const format = disk.endsWith('.qcow2') ? 'qcow2' : 'raw';
    return [{ file: resolve(disk), format, writable: true }];
  }
  return firmware === 'direct' ? [] : [{ file: artifact(image, 'raw'), format: 'raw' }];
}

function kernel(image: Image, firmware: Firmware, cmdline: string): VmSpec['kernel'] {
  if (firmware !== 'direct') return undefined;
  return { file: artifact(image, 'vmlinuz'), initrd: artifact(image, 'initrd'), cmdline };
}

/** What is booted. */
interface Subject extends ComposedMachine {
  firmware: Firmware;
  /** Where the console's log goes. */
  dir: string;
  /** A kernel to try acceleration with. */
  probe: string | undefined;
  /** Whether systemd is in it, which lets a one-time login in. */
  takesLogin: boolean;
}

async function builtSubject(options: VmOptions, cmdline: string): Promise<Subject> {
  const image = await openImage(resolve(options.out));
  if (image.composed && options.login === true) {
    throw new OsmithError('E_USAGE', '--login is for systems that are made of packages', {
      hint: 'The service getty of a composed system says who may log in',
    });
  }
  const firmware = options.firmware ?? (image.unsigned ? 'uefi' : 'uefi-secure');
  return {
    ...{ firmware, takesLogin: !image.composed },
    ...{ arch: image.arch, name: image.name, dir: image.dir, probe: findArtifact(image, 'vmlinuz') },
    ...{ disks: disks(image, firmware, options), kernel: kernel(image, firmware, cmdline) },
  };
}

async function composedSubject(name: string, options: VmOptions, arch: Arch): Promise<Subject> {
  if (options.login === true || options.disk !== undefined) {
    throw new OsmithError('E_USAGE', '--composed cannot be combined with --login or --disk', {
      hint: 'Its service getty says who may log in',
    });
  }
  const { firmware = 'direct' } = options;
  const machine = await composedMachine(resolve(name), arch, firmware);
  return {
    ...machine,
    firmware,
    takesLogin: false,
    dir: dirname(resolve(name)),
    probe: machine.kernel?.file,
  };
}

async function vm(command: Command, options: VmOptions): Promise<void> {
  const config = loadVariant(command);
  const global = globals(command);
  const untilUp = options.untilUp === true;
  if (!untilUp && !(process.stdin.isTTY && process.stdout.isTTY)) {
    throw new OsmithError('E_USAGE', 'An interactive machine needs a terminal', {
      hint: 'Run it in a terminal, or with --until-up',
    });
  }
  const defaults = machineDefaults(config);
  const subject =
    options.composed !== undefined
      ? await composedSubject(options.composed, options, config.attributes['arch'] as Arch)
      : await builtSubject(options, defaults.cmdline);
  const impossible = unsupported(subject.arch, subject.firmware);
  if (impossible !== undefined)
    throw new OsmithError('E_USAGE', impossible[0]!.toUpperCase() + impossible.slice(1));
  await requireHost();
  const login = subject.takesLogin && (untilUp || options.login === true) ? oneTimeLogin() : undefined;
  const spec = {
    ...{ arch: subject.arch, firmware: subject.firmware, login, outside: !untilUp },
    ...{ memory: options.memory ?? defaults.memory, cpus: options.cpus ?? defaults.cpus },
    ...{ disks: subject.disks, kernel: subject.kernel, nics: [{ forward: options.forward ?? [] }] },
  };
  const reporter = reporterFor(global);
  const { tools, close } = await openVmTools(config, { emit: reporter.emit, signal: interruption }).finally(
    () => reporter.close(),
  );
  try {
    const accel = await acceleration(tools, subject.arch, subject.probe, options.accel);
    const about = `${WORDS[spec.firmware]}, ${spec.memory} MiB, ${count(spec.cpus, 'processor')}, ${accel.text}`;
    const dir = join(subject.dir, REPORTS, 'vm');
    await mkdir(dir, { recursive: true });
    const start = () => startVm(tools, { ...spec, ...accel }, join(dir, 'console.log'), interruption);
    process.stderr.write(`${subject.name}: ${about}\n`);
    if (untilUp)
      await proveUp(subject.name, await start(), login, {
        timeout: options.timeout,
        json: global.json,
        how: accel.accel,
      });
    else await interact(start, options.login === true ? login : undefined);
  } finally {
    await close();
  }
}

/** Shows the console, waits until the system is up, has it describe itself if it lets us in, and switches it off. */
async function proveUp(
  name: string,
  machine: Vm,
  login: Login | undefined,
  { timeout, json, how }: { timeout: number; json: boolean; how: Accel },
): Promise<void> {
  const plain = plainText();
  if (!json) machine.serial.onOutput((bytes) => process.stdout.write(plain(bytes.toString())));
  try {
    await waitUp(machine, timeout, interruption);
    const ms = now() - machine.started;
    // A composed system is asked nothing: it may let nobody in.
    const facts = login && (await readFacts(machine, await openGuest(machine, login, interruption), timeout));
    if (login !== undefined) await powerOff(machine, timeout, interruption);
    if (json)
      process.stdout.write(`${JSON.stringify({ type: 'up', image: name, ms, accel: how, ...facts })}\n`);
    else {
      const emulated = how === 'tcg' ? ', emulated' : '';
      const about = facts === undefined ? '' : `: ${describeFacts(facts)}`;
      process.stdout.write(`\n${name} is up after ${duration(ms)}${emulated}${about}\n`);
    }
  } catch (error) {
    if (!json) process.stdout.write('\n'); // the console may have stopped within a line
    throw error;
  } finally {
    await machine.stop();
  }
}

/** The machine's console on the user's terminal, until it is switched off or left. */
async function interact(start: () => Promise<Vm>, login: Login | undefined): Promise<void> {
  if (login !== undefined)
    process.stderr.write(`Log in as ${login.user} with the password ${login.password}\n`);
  process.stderr.write(`${LEAVE} switches the machine off and leaves.\n`);
  const machine = await start();
  try {
    await allowReset(machine.qmp, true);
    const how = await connectTerminal(machine, interruption);
    if (how === 'ended' && machine.serial.text().trim() === '') throw bootError(machine, 'ended');
  } finally {
    await machine.stop();
  }
}
