import { createHash } from 'node:crypto';
import { openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { MIB, SECTOR } from '../disk/layout.ts';
import { SLOT_TYPE } from '../disk/layouts/edge.ts';
import { describeWith, run } from '../disk/testing.ts';
import type { Device } from './disks.ts';
import { install, wipe } from './install.ts';
import { readOptions } from './options.ts';
import { add, bench, bytes, fatVolume, HEAD, partitions, ROOT, type Bench } from './testing.ts';

/** SHA-256 of all of a disk. */
function digest(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

/** A table on a small disk, in sfdisk's words. */
function tabled(path: string, ...lines: string[]): void {
  const script = ['label: gpt', 'first-lba: 34', ...lines].join('\n');
  run(['sh', '-c', 'printf "%s\n" "$1" | sfdisk --quiet "$2"', 'sh', script, path]);
}

/** A partition as lsblk tells of it. */
function part(disk: Device, partName: string): Device {
  return { ...disk, name: `${disk.name}1`, type: 'part', partName, size: MIB };
}

/** Files of the installed CONFIG. */
function config(path: string, name: string): string {
  return run(['mtype', '-i', `${path}@@${CONFIG}`, `::${name}`]).stdout;
}

const [EFI, IMGA, IMGB, CONFIG] = [2048, 75776, 1124352, 2172928].map((sector) => sector * SECTOR) as [
  ...[number, number, number, number],
];

describeWith(['sfdisk', 'sgdisk', 'mkfs.vfat', 'mcopy', 'mdel'], 'an installation', () => {
  it('makes the table for the disk’s size, and writes what the medium brings, whatever was there', async () => {
    const machine = bench();
    const path = add(machine, 'vda');
    const fd = openSync(path, 'r+');
    // Old data in a hole of the new system, where the second slot begins, and at the end.
    for (const at of [0, IMGA + 8 * MIB, IMGB, 1199 * MIB])
      writeSync(fd, Buffer.alloc(MIB, 'old'), 0, MIB, at);
    const done = await install(machine, readOptions('osmith.install.erase eve_soft_serial=4711'));
    expect(done).toEqual({ serial: '4711', disk: 'vda', system: 'edge_1' });
    expect(partitions(path)).toEqual([
      '1 2048 75775 System',
      '2 75776 1124351 IMGA',
      '3 1124352 2172927 IMGB',
      '4 2172928 2174975 CONFIG',
      '9 2174976 2457566 P3',
    ]);
    expect(bytes(path, IMGA, ROOT.length).equals(ROOT)).toBe(true);
    expect(bytes(path, IMGB, MIB).every((byte) => byte === 0)).toBe(true);
    expect(bytes(path, 0, 440).equals(HEAD.subarray(0, 440))).toBe(true);
    expect(bytes(path, 34 * SECTOR, EFI - 34 * SECTOR).equals(HEAD.subarray(34 * SECTOR))).toBe(true);
    // The first partition, for what reads the MBR only.
    expect(bytes(path, 446, 5).toString('hex')).toBe('802021000c');
    expect(config(path, 'server')).toBe('built-in\n');
    expect(config(path, 'soft_serial')).toBe('4711\n');
    expect(machine.console.heard()).toMatch(/holds something that is not known: all of it will be lost/);
    expect(machine.console.heard()).toMatch(/verifying IMGA: 100 % of 15 MiB, \d+ MiB\/s/);
  });

  it('takes the configuration from the medium, where it may have been edited between two', async () => {
    const machine = bench();
    const path = add(machine, 'vda');
    const medium = join(machine.dir, 'medium.img');
    fatVolume(medium, { server: 'one\n', 'install.conf': 'erase = yes\n', hostname: 'box\n' });
    machine.medium.config = medium;
    const { serial } = await install(machine, readOptions('', 'erase = yes'));
    expect(serial).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect([config(path, 'server'), config(path, 'hostname'), config(path, 'install.conf')]).toEqual([
      'one\n',
      'box\n',
      '',
    ]);
    expect(config(path, 'soft_serial')).toBe(`${serial}\n`);
    run([
      'sh',
      '-c',
      'printf "two\\n" | mcopy -o -i "$1" - ::server; echo kept | mcopy -i "$1" - ::soft_serial',
      'sh',
      medium,
    ]);
    expect((await install(machine, readOptions('', 'erase = yes'))).serial).toBe('kept');
    expect([config(path, 'server'), config(path, 'soft_serial')]).toEqual(['two\n', 'kept\n']);
    // An option counts more.
    await install(machine, readOptions('osmith.install.erase eve_install_server=three eve_soft_serial=9'));
    expect([config(path, 'server'), config(path, 'soft_serial')]).toEqual(['three\n', '9\n']);
  });

  it('puts persistent data on another disk', async () => {
    const machine = bench();
    const [path, second] = [add(machine, 'sda'), add(machine, 'sdb', 300)];
    await install(machine, readOptions('eve_install_disk=sda eve_persist_disk=sdb'));
    expect(partitions(path).map((line) => line.split(' ')[3])).toEqual(['System', 'IMGA', 'IMGB', 'CONFIG']);
    expect(partitions(second)).toEqual(['9 2048 614366 P3']);
    const id = (disk: string) => /\(GUID\): (\S+)/.exec(run(['sgdisk', '-p', disk]).stdout)![1];
    expect(id(path)).toBe('AD6871EE-31F9-4CF3-9E09-6F7A25C30050');
    expect(id(second)).not.toBe(id(path));
  });

  it('asks when it is told to', async () => {
    const machine = bench(['sdx', '2', 'sdb']);
    const [first, path] = [add(machine, 'sda', 1200, { transport: 'nvme' }), add(machine, 'sdb')];
    writeSync(openSync(path, 'r+'), 'data', 0);
    await install(machine, readOptions('osmith.install.interactive'));
    expect(partitions(path)).toHaveLength(5);
    expect(bytes(first, 0, 512).every((byte) => byte === 0)).toBe(true);
    expect(machine.console.heard()).toMatch(/1 {2}sda {2}1\.2 GiB {2}nvme\n {2}2 {2}sdb .*\(holds something/);
  });

  it('takes the first of several, and says that there are others; never the medium', async () => {
    const machine = bench();
    add(machine, 'stick', 1200, { transport: 'usb' });
    add(machine, 'sdb', 1200, { transport: 'usb' });
    add(machine, 'sr0', 1200, { type: 'rom' });
    add(machine, 'zram0');
    add(machine, 'sdc', 1200, { transport: 'sata' });
    expect((await install(machine, readOptions(''))).disk).toBe('sdc');
    expect(machine.console.heard()).toMatch(/Warning: there are other disks, too: sdb {2}1\.2 GiB {2}usb\./);
  });

  it('tells when the disk has something else afterwards than what was written', async () => {
    let path = '';
    const machine = bench([], (text) => {
      if (text.includes('writing CONFIG: 100 %')) writeSync(openSync(path, 'r+'), 'x', IMGA + 6 * MIB);
    });
    path = add(machine, 'vda');
    await expect(install(machine, readOptions(''))).rejects.toThrow(
      /IMGA on .* is not what was written there/,
    );
  });

  it('takes partition tables away: the disks are as good as new, though what they held is there', async () => {
    const machine = bench();
    const path = add(machine, 'vda');
    await install(machine, readOptions(''));
    await expect(install(machine, readOptions(''))).rejects.toThrow(/The disk vda holds/);
    expect(await wipe(machine, 'all')).toEqual(['vda']);
    expect(run(['sfdisk', '--json', path]).status).not.toBe(0);
    expect(bytes(path, IMGA, ROOT.length).equals(ROOT)).toBe(true);
    expect((await install(machine, readOptions(''))).disk).toBe('vda');
  });
});

/** MiB. */
const SMALL = 100;

describeWith(['sfdisk', 'mkfs.vfat', 'mcopy'], 'an installation that cannot be', () => {
  it.each<[string, string, (machine: Bench) => void, RegExp]>([
    ['no disk', '', (machine) => machine.devices.splice(0), /no disk to install on/],
    ['a disk that there is not', 'eve_install_disk=sdq', () => {}, /There is no disk sdq/],
    [
      'the medium itself',
      'osmith.install.disk=stick',
      (machine) => void add(machine, 'stick', SMALL),
      /stick is the disk that the installer came from/,
    ],
    [
      'a disk that is too small',
      '',
      (machine) => {
        machine.devices.splice(0);
        add(machine, 'vda', 60);
      },
      /The disk vda is too small: .* needs \d+ MiB, and the disk has only 60 MiB/,
    ],
    [
      'a disk with partitions',
      '',
      ({ devices: [device] }) => {
        device!.children = [part(device!, 'P3')];
      },
      /The disk vda holds partitions P3/,
    ],
    [
      'a disk without what is to be skipped',
      'osmith.install.skip=persist',
      () => {},
      /The disk vda has no partition P3: it cannot stay as it is/,
    ],
    [
      'a disk with what is to be skipped in another place',
      'osmith.install.skip=persist osmith.install.erase',
      ({ devices: [device] }) => tabled(device!.path, 'start=2048, size=2048, name="P3"'),
      /The disk vda has its P3 in another place: it cannot stay as it is/,
    ],
    [
      'a disk with slots that both do not boot, to be skipped',
      'osmith.install.skip=root osmith.install.erase',
      ({ devices: [device] }) =>
        tabled(
          device!.path,
          `2 : start=75776, size=40960, type=${SLOT_TYPE}, name="IMGA", attrs="GUID:48,49"`,
          `3 : start=116736, size=40960, type=${SLOT_TYPE}, name="IMGB"`,
        ),
      /The disk vda has no slot that boots: it cannot stay as it is/,
    ],
    [
      'a disk with damaged tables, to be skipped',
      'osmith.install.skip=config osmith.install.erase',
      ({ devices: [device] }) => {
        tabled(device!.path, 'start=2048, size=2048, name="CONFIG"');
        const fd = openSync(device!.path, 'r+');
        for (const at of [SECTOR, SMALL * MIB - SECTOR]) writeSync(fd, 'x', at + 20);
      },
      /The disk vda has no partition CONFIG: it cannot stay as it is/,
    ],
    [
      'a disk with something on it',
      '',
      ({ devices: [device] }) => void writeSync(openSync(device!.path, 'r+'), 'x', SMALL * MIB - 1),
      /The disk vda holds something that is not known/,
    ],
    [
      'a disk with large sectors',
      '',
      ({ devices: [device] }) => void (device!.sector = 4096),
      /has sectors of 4096 bytes/,
    ],
    [
      'a medium with a wrong bit',
      '',
      ({ medium }) => {
        const file = join(medium.dir, 'imga.img');
        const data = readFileSync(file);
        data[4_000_000]! ^= 1;
        writeFileSync(file, data);
      },
      /The medium is broken: imga on it is not what was put there/,
    ],
    [
      'a medium that is cut off',
      '',
      ({ medium }) => writeFileSync(join(medium.dir, 'imga.img'), ROOT.subarray(0, MIB)),
      /The medium is broken: imga on it .*it cannot be read/,
    ],
    [
      'a medium without a manifest',
      '',
      ({ medium }) => writeFileSync(join(medium.dir, 'install.json'), '{'),
      /install\.json on the medium cannot be read/,
    ],
    [
      'a CONFIG partition that is no file system',
      '',
      (machine) => {
        machine.medium.config = join(machine.dir, 'config');
        writeFileSync(machine.medium.config, Buffer.alloc(MIB));
      },
      /mdir .* ended with 1/,
    ],
  ])('%s: nothing is written', async (_what, cmdline, prepare, message) => {
    const machine = bench();
    // All of the disks is compared: small slots make small disks do.
    for (const part of machine.manifest.layout.partitions)
      if (part.name.startsWith('img')) part.size = { bytes: 20 * MIB };
    machine.writeManifest();
    add(machine, 'vda', SMALL);
    prepare(machine);
    const disks = machine.devices.map(({ path }) => path);
    const before = disks.map(digest);
    await expect(install(machine, readOptions(cmdline))).rejects.toThrow(message);
    expect(disks.map(digest)).toEqual(before);
  });
});
