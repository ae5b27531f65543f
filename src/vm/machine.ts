/** A virtual machine as plain data, and the QEMU command line that is that machine. */
import { firmwareFiles, type Arch, type Firmware } from './firmware.ts';

/** What executes the guest's code: the processor through the kernel, or QEMU's own emulation. */
export type Accel = 'kvm' | 'tcg';

/** Removable media. */
export const MEDIA = ['cd', 'usb'] as const;
export type Medium = (typeof MEDIA)[number];

export interface Disk {
  file: string;
  /** What the guest takes it for; absent: a virtio disk. */
  medium?: Medium | undefined;
  format: 'raw' | 'qcow2';
  /** Keeps what the guest writes. Otherwise it goes to a temporary file and `file` is never changed. */
  writable?: boolean;
  /** A copy that nobody needs after the test: flushes would only cost time. */
  disposable?: boolean;
  /** Serial number that the guest sees, as in /dev/disk/by-id/virtio-SERIAL. */
  serial?: string;
}

/** A network card on QEMU's user network: DHCP, the host as 10.0.2.2, nothing reaches the guest but what is forwarded. */
export interface Nic {
  /** TCP ports of the host's 127.0.0.1 to ports of the guest; 0: any that is free, see `forwardedPort`. */
  forward?: { host: number; guest: number }[];
  /** Directory that is offered over TFTP, and the file in it that the firmware starts. */
  netboot?: { root: string; file: string };
}

/** A text that the guest finds among its SMBIOS OEM strings (type 11), read from a file to keep it off the command line. */
export interface OemString {
  file: string;
}

/** All paths are those that QEMU sees. */
export interface Machine {
  arch: Arch;
  accel: Accel;
  firmware: Firmware;
  /** System management mode guards the UEFI variable store; amd64 only. */
  smm: boolean;
  /** For firmware `direct`. */
  kernel?: { file: string; initrd?: string; cmdline: string } | undefined;
  /** MiB. */
  memory: number;
  cpus: number;
  disks: Disk[];
  nics: Nic[];
  oemStrings: OemString[];
  /** Files for the guest under /sys/firmware/qemu_fw_cfg. */
  fwCfg?: { name: string; file: string }[] | undefined;
  /** What the clock says at first, ISO 8601 in UTC; absent: the time. */
  clock?: string | undefined;
  /** A graphics card, so that the screen can be dumped. */
  graphics?: boolean | undefined;
  /** Named pipes of the serial console: PATH.in to the guest, PATH.out from it. */
  serial: string;
  /** Listening unix socket that QEMU connects to. */
  qmp: string;
}

/** QEMU's option syntax: a comma inside a value is doubled. */
function value(text: string): string {
  return text.replaceAll(',', ',,');
}

/** The program of the tools tree that emulates an architecture. */
export function qemuProgram(arch: Arch): string {
  return { amd64: 'qemu-system-x86_64', arm64: 'qemu-system-aarch64' }[arch];
}

/**
 * The model: with TCG the simplest that runs a distribution's kernel, since every feature costs emulation time. But
 * instructions for SHA-256 save more than half of it where machines compute digests of whole systems.
 */
function cpuModel({ arch, accel }: Machine): string {
  if (accel === 'kvm') return 'host';
  return { amd64: 'qemu64,+ssse3,+sse4.1,+sha-ni', arm64: 'cortex-a57' }[arch];
}

function boardArgs(machine: Machine): string[] {
  const { arch, firmware, smm, accel } = machine;
  const options = [arch === 'amd64' ? 'q35' : 'virt'];
  if (arch === 'amd64') options.push(`smm=${smm ? 'on' : 'off'}`);
  // Lets the BIOS itself speak on the serial port: otherwise its "No bootable device" is seen by nobody.
  if (firmware === 'bios') options.push('graphics=off');
  return ['-machine', options.join(','), '-accel', accel, '-cpu', cpuModel(machine)];
}

function firmwareArgs({ arch, firmware, smm, kernel }: Machine): string[] {
  if (firmware === 'direct' && kernel !== undefined) {
    const initrd = kernel.initrd === undefined ? [] : ['-initrd', kernel.initrd];
    return ['-kernel', kernel.file, ...initrd, '-append', kernel.cmdline];
  }
  const files = firmwareFiles(arch, firmware, smm);
  if (files === undefined) return [];
  const flash = (unit: number, mode: string, file: string) => [
    '-drive',
    `if=pflash,format=raw,unit=${unit},${mode},file=${value(file)}`,
  ];
  // Only code in SMM may write the flash; S3 would be a way around that.
  const guard = [
    '-global',
    'driver=cfi.pflash01,property=secure,value=on',
    '-global',
    'ICH9-LPC.disable_s3=1',
  ];
  return [
    ...(smm ? guard : []),
    ...flash(0, 'readonly=on', files.code),
    // Each machine starts with the template's variables and forgets its own at the end.
    ...flash(1, 'snapshot=on', files.vars),
  ];
}

/** Disks come after network cards that boot, in the order given. */
/** CD drives hang on AHCI where the board has it, else on virtio's SCSI. */
function mediumArgs({ file, medium, writable }: Disk, index: number, arch: Arch): string[] {
  const mode = writable === true ? 'cache=unsafe' : 'readonly=on';
  const drive = `if=none,id=disk${index},format=raw,${mode},file=${value(file)}`;
  const place = `drive=disk${index},bootindex=${index + 10}`;
  if (medium === 'usb')
    return ['-drive', drive, '-device', 'qemu-xhci', '-device', `usb-storage,removable=on,${place}`];
  const cd = ['-drive', `${drive},media=cdrom`];
  if (arch === 'amd64') return [...cd, '-device', `ide-cd,${place}`];
  return [...cd, '-device', 'virtio-scsi-pci', '-device', `scsi-cd,${place}`];
}

function diskArgs(disk: Disk, index: number, arch: Arch): string[] {
  if (disk.medium !== undefined) return mediumArgs(disk, index, arch);
  const { file, format, writable, disposable, serial } = disk;
  const drive = `if=none,id=disk${index},format=${format},snapshot=${writable ? 'off' : 'on'}`;
  const device = `virtio-blk-pci,drive=disk${index},bootindex=${index + 10}`;
  return [
    '-drive',
    // Nothing on a test machine's disk outlives it: flushes would only cost time.
    `${drive}${writable && !disposable ? '' : ',cache=unsafe'},file=${value(file)}`,
    '-device',
    serial === undefined ? device : `${device},serial=${value(serial)}`,
  ];
}

function nicArgs({ forward = [], netboot }: Nic, index: number): string[] {
  const user = [`user,id=net${index}`];
  for (const { host, guest } of forward) user.push(`hostfwd=tcp:127.0.0.1:${host}-:${guest}`);
  if (netboot !== undefined) user.push(`tftp=${value(netboot.root)}`, `bootfile=${value(netboot.file)}`);
  // UEFI brings its own driver; without the option ROM it need not be in the tools tree.
  const device = [`virtio-net-pci`, `netdev=net${index}`, 'romfile='];
  if (netboot !== undefined) device.push(`bootindex=${index}`);
  return ['-netdev', user.join(','), '-device', device.join(',')];
}

function guestDataArgs({ oemStrings, fwCfg = [] }: Machine): string[] {
  return [
    ...oemStrings.flatMap(({ file }) => ['-smbios', `type=11,path=${value(file)}`]),
    ...fwCfg.flatMap(({ name, file }) => ['-fw_cfg', `name=${name},file=${value(file)}`]),
  ];
}

function consoleArgs({ serial, qmp, graphics }: Machine): string[] {
  return [
    // Not a socket: that holds only some 280 of the single bytes that a serial port writes, and then the firmware,
    // which waits no longer than a few milliseconds, throws away what it has to say. A pipe holds 65536.
    ...['-chardev', `pipe,id=serial,path=${value(serial)}`],
    ...['-serial', 'chardev:serial'],
    ...['-chardev', `socket,id=qmp,path=${value(qmp)},server=off`],
    ...['-mon', 'chardev=qmp,mode=control'],
    ...['-display', 'none'],
    ...(graphics === true ? ['-device', 'virtio-gpu-pci'] : []),
  ];
}

/** QEMU's program and arguments. A reset ends it: a machine that restarts by itself while it boots is a fault. */
export function machineArgv(machine: Machine): string[] {
  return [
    ...[qemuProgram(machine.arch), '-nodefaults', '-no-user-config'],
    ...boardArgs(machine),
    ...['-m', String(machine.memory), '-smp', String(machine.cpus)],
    ...firmwareArgs(machine),
    ...machine.disks.flatMap((disk, index) => diskArgs(disk, index, machine.arch)),
    ...machine.nics.flatMap(nicArgs),
    ...['-device', 'virtio-rng-pci'],
    ...(machine.clock === undefined ? [] : ['-rtc', `base=${machine.clock}`]),
    ...guestDataArgs(machine),
    ...consoleArgs(machine),
    ...['-action', 'reboot=shutdown'],
  ];
}

/** Host paths that QEMU reads and writes, to be mounted into its sandbox. */
export function machineFiles(machine: Machine): { read: string[]; write: string[] } {
  const { kernel, disks, nics, oemStrings, fwCfg = [] } = machine;
  const read = [
    ...(kernel === undefined ? [] : [kernel.file, ...(kernel.initrd === undefined ? [] : [kernel.initrd])]),
    ...disks.filter((disk) => !disk.writable).map((disk) => disk.file),
    ...nics.flatMap((nic) => (nic.netboot === undefined ? [] : [nic.netboot.root])),
    ...[...oemStrings, ...fwCfg].map(({ file }) => file),
  ];
  return { read, write: disks.filter((disk) => disk.writable).map((disk) => disk.file) };
}
