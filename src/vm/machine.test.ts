import { describe, expect, it } from 'vitest';
import { machineArgv, machineFiles, type Machine } from './machine.ts';

const base: Machine = {
  ...{ arch: 'amd64', accel: 'tcg', firmware: 'uefi-secure', smm: true, memory: 1024, cpus: 2 },
  ...{ disks: [], nics: [], oemStrings: [], serial: '/run/vm/serial', qmp: '/run/vm/qmp' },
};

function argv(change: Partial<Machine>): string {
  return machineArgv({ ...base, ...change }).join(' ');
}

describe('machineArgv', () => {
  it('is one whole machine', () => {
    expect(machineArgv({ ...base, disks: [{ file: '/out/a,b.raw', format: 'raw' }], nics: [{}] }))
      .toMatchInlineSnapshot(`
      [
        "qemu-system-x86_64",
        "-nodefaults",
        "-no-user-config",
        "-machine",
        "q35,smm=on",
        "-accel",
        "tcg",
        "-cpu",
        "qemu64,+ssse3,+sse4.1,+sha-ni",
        "-m",
        "1024",
        "-smp",
        "2",
        "-global",
        "driver=cfi.pflash01,property=secure,value=on",
        "-global",
        "ICH9-LPC.disable_s3=1",
        "-drive",
        "if=pflash,format=raw,unit=0,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.secboot.fd",
        "-drive",
        "if=pflash,format=raw,unit=1,snapshot=on,file=/usr/share/OVMF/OVMF_VARS_4M.ms.fd",
        "-drive",
        "if=none,id=disk0,format=raw,snapshot=on,cache=unsafe,file=/out/a,,b.raw",
        "-device",
        "virtio-blk-pci,drive=disk0,bootindex=10",
        "-netdev",
        "user,id=net0",
        "-device",
        "virtio-net-pci,netdev=net0,romfile=",
        "-device",
        "virtio-rng-pci",
        "-chardev",
        "pipe,id=serial,path=/run/vm/serial",
        "-serial",
        "chardev:serial",
        "-chardev",
        "socket,id=qmp,path=/run/vm/qmp,server=off",
        "-mon",
        "chardev=qmp,mode=control",
        "-display",
        "none",
        "-action",
        "reboot=shutdown",
      ]
    `);
  });

  it.each<[name: string, change: Partial<Machine>, ...parts: string[]]>([
    [
      'Secure Boot guards its variables with SMM',
      {},
      '-machine q35,smm=on',
      'driver=cfi.pflash01,property=secure,value=on',
      'file=/usr/share/OVMF/OVMF_CODE_4M.secboot.fd',
      'unit=1,snapshot=on,file=/usr/share/OVMF/OVMF_VARS_4M.ms.fd',
    ],
    [
      'Secure Boot without SMM',
      { smm: false },
      '-machine q35,smm=off',
      'file=/usr/share/OVMF/OVMF_CODE_4M.fd',
      'OVMF_VARS_4M.ms.fd',
    ],
    ['UEFI', { firmware: 'uefi', smm: false }, 'OVMF_CODE_4M.fd', 'OVMF_VARS_4M.fd'],
    ['BIOS speaks on the serial port', { firmware: 'bios', smm: false }, '-machine q35,smm=off,graphics=off'],
    [
      'a kernel',
      { firmware: 'direct', smm: false, kernel: { file: '/k', initrd: '/i', cmdline: 'a b' } },
      '-kernel /k -initrd /i -append a b',
    ],
    ['KVM', { accel: 'kvm' }, '-accel kvm -cpu host'],
    ['TCG', {}, '-accel tcg -cpu qemu64,+ssse3,+sse4.1,+sha-ni'],
    [
      'arm64 under Secure Boot',
      { arch: 'arm64', smm: false },
      'qemu-system-aarch64',
      '-machine virt -accel tcg -cpu cortex-a57',
      'file=/usr/share/AAVMF/AAVMF_CODE.ms.fd',
      'snapshot=on,file=/usr/share/AAVMF/AAVMF_VARS.ms.fd',
    ],
    ['arm64', { arch: 'arm64', firmware: 'uefi', smm: false }, 'AAVMF_CODE.fd', 'AAVMF_VARS.fd'],
    [
      'a disk that is never changed',
      { disks: [{ file: '/d', format: 'raw' }] },
      'if=none,id=disk0,format=raw,snapshot=on,cache=unsafe,file=/d',
      'virtio-blk-pci,drive=disk0,bootindex=10',
    ],
    [
      'a disk that keeps what is written',
      { disks: [{ file: '/d', format: 'qcow2', writable: true, serial: 'data' }] },
      'format=qcow2,snapshot=off,file=/d',
      'bootindex=10,serial=data',
    ],
    [
      'ports',
      { nics: [{ forward: [{ host: 2222, guest: 22 }] }] },
      'user,id=net0,hostfwd=tcp:127.0.0.1:2222-:22',
    ],
    [
      'the network before the disk',
      { nics: [{ netboot: { root: '/t', file: 'bootx64.efi' } }] },
      'user,id=net0,tftp=/t,bootfile=bootx64.efi',
      'virtio-net-pci,netdev=net0,romfile=,bootindex=0',
    ],
    [
      'texts for the guest',
      { oemStrings: [{ file: '/c' }], fwCfg: [{ name: 'opt/x', file: '/f' }] },
      '-smbios type=11,path=/c',
      '-fw_cfg name=opt/x,file=/f',
    ],
    ['a screen', { graphics: true }, '-device virtio-gpu-pci'],
  ])('%s', (_, change, ...parts) => {
    for (const part of parts) expect(argv(change)).toContain(part);
  });

  it.each<[string, Partial<Machine>, string]>([
    ['no flash with a BIOS', { firmware: 'bios', smm: false }, 'pflash'],
    ['no flash without a boot loader', { firmware: 'direct', smm: false }, 'pflash'],
    ['no secure flash without SMM', { smm: false }, 'cfi.pflash01'],
    ['no SMM on arm64', { arch: 'arm64', smm: false }, 'smm='],
    ['no graphics card', {}, 'gpu'],
  ])('%s', (_, change, part) => {
    expect(argv(change)).not.toContain(part);
  });
});

describe('machineFiles', () => {
  it('tells reading from writing', () => {
    const files = machineFiles({
      ...base,
      kernel: { file: '/k', initrd: '/i', cmdline: '' },
      disks: [
        { file: '/a', format: 'raw' },
        { file: '/b', format: 'raw', writable: true },
      ],
      nics: [{ netboot: { root: '/t', file: 'x' } }],
      oemStrings: [{ file: '/c' }],
    });
    expect(files).toEqual({ read: ['/k', '/i', '/a', '/t', '/c'], write: ['/b'] });
  });
});
