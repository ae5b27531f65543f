import { writeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { describeWith, run } from '../disk/testing.ts';
import { runSession } from './session.ts';
import { bench, disk, fatVolume, type Bench } from './testing.ts';

/** A machine whose medium has partitions for configuration and reports, the former with these options. */
function machineWith(options: string, answers: string[], disks: string[]): Bench {
  const machine = bench(answers);
  for (const name of disks) machine.devices.push(disk(join(machine.dir, `${name}.raw`), name, 1200));
  machine.medium.config = join(machine.dir, 'config.img');
  fatVolume(machine.medium.config, { 'install.conf': options });
  machine.medium.inventory = join(machine.dir, 'inventory.img');
  run(['mkfs.vfat', '-C', '-n', 'INVENTORY', machine.medium.inventory, '20480']);
  return machine;
}

const fill = ({ devices }: Bench, name: string) =>
  writeSync(openSync(devices.find((device) => device.name === name)!.path, 'r+'), 'data', 0);

const start = async ({ medium, ...machine }: Bench, cmdline = '') =>
  runSession({ ...machine, findMedium: () => Promise.resolve(medium), cmdline });

const reported = ({ medium }: Bench, serial: string, file: string) =>
  run(['mtype', '-i', medium.inventory!, `::${serial}/${file}`]).stdout;

describeWith(['sfdisk', 'mkfs.vfat', 'mcopy', 'mtype'], 'a session', () => {
  it('leaves the report of a failure under the serial number that the machine was to get', async () => {
    const machine = machineWith('serial = shelf-7\nafter = reboot\n', [''], ['vda']);
    fill(machine, 'vda');
    expect(await start(machine)).toBe('poweroff');
    expect(machine.console.heard()).toMatch(/^NOT INSTALLED: The disk vda holds .*\nNothing has been/m);
    const { result, serial, message } = JSON.parse(reported(machine, 'shelf-7', 'result.json')) as Record<
      string,
      string
    >;
    expect([result, serial]).toEqual(['failed', 'shelf-7']);
    expect(message).toMatch(/The disk vda holds/);
    expect(reported(machine, 'shelf-7', 'installer.log')).toContain('NOT INSTALLED');
  });

  it('names what was done to disks after the option, too', async () => {
    const machine = machineWith('serial = shelf-8\n', [], ['vda']);
    expect(await start(machine, 'osmith.install.wipe=all')).toBe('poweroff');
    expect(reported(machine, 'shelf-8', 'result.json')).toContain('"result": "wiped"');
  });

  it('begins again after a wrong answer, for whoever installs by hand', async () => {
    const answers = ['vda', 'yes', '', '3', 'vdb', ''];
    const machine = machineWith('interactive = yes\nserial = 9\nafter = reboot\n', answers, ['vda', 'vdb']);
    fill(machine, 'vda');
    expect(await start(machine)).toBe('reboot');
    const heard = machine.console.heard();
    expect(heard).toMatch(/^NOT INSTALLED: The disk vda holds/m);
    expect(heard).toMatch(/^Press Enter to begin again, .*There is no disk "3"/ms);
    expect(heard).toMatch(/^INSTALLED edge_1 on vdb, serial 9$/m);
    expect(answers).toEqual([]);
  });

  it('ends when told to', async () => {
    const machine = machineWith('interactive = yes\n', ['off'], []);
    expect(await start(machine)).toBe('poweroff');
    expect(machine.console.heard()).toMatch(/^NOT INSTALLED: This machine has no disk/m);
  });
});
