import { expect, test } from 'vitest';
import type { OsmithError } from '../errors.ts';
import { readOptions } from './options.ts';

const NOTHING = readOptions('');

test.each([
  ['console=ttyS0 quiet root=/dev/sda1', '', {}],
  ['osmith.install.disk=sdb osmith.install.erase', '', { disk: 'sdb', erase: true }],
  ['eve_install_disk=/dev/nvme0n1 eve_persist_disk=sdb', '', { disk: 'nvme0n1', persist: 'sdb' }],
  [
    'eve_install_server=zed.example:443 eve_soft_serial=4711',
    '',
    { server: 'zed.example:443', serial: '4711' },
  ],
  ['eve_install_skip_rootfs eve_install_skip_persist', '', { skip: ['root', 'persist'] }],
  ['eve_install_skip_config=0', '', {}],
  ['eve_nuke_disks=sda,sdb', '', { wipe: ['sda', 'sdb'] }],
  ['eve_nuke_all_disks', '', { wipe: 'all' }],
  ['eve_pause_before_install eve_pause_after_install', '', { pause: ['before', 'after'] }],
  ['eve_reboot_after_install eve_disable_verify', '', { after: 'reboot', verify: false }],
  ['eve_blackbox', '', { reportOnly: true }],
  ['eve_skip_dev_cert', '', { notes: ['eve_skip_dev_cert has no effect: no device certificate is made'] }],
  [
    '',
    '\uFEFF# for all\r\n\r\ndisk = sda\r\n  erase = yes\r\nskip = config,persist\r\n',
    { disk: 'sda', erase: true, skip: ['config', 'persist'] },
  ],
  ['osmith.install.disk=sdc', 'disk = sda\neve_soft_serial=7', { disk: 'sdc', serial: '7' }],
  ['osmith.install.erase=no "osmith.install.server=a"', 'erase = yes', { server: 'a' }],
])('%j and %j', (cmdline, file, expected) => {
  expect(readOptions(cmdline, file)).toEqual({ ...NOTHING, ...expected });
});

test.each([
  [
    'osmith.install.dsik=sda',
    '',
    'There is no option osmith.install.dsik; Did you mean osmith.install.disk?',
  ],
  ['eve_install_sever=x', '', 'There is no option eve_install_sever; Did you mean eve_install_server?'],
  ['', 'erase = yes\n\ndisc = sda', 'install.conf:3 There is no option disc; Did you mean disk?'],
  [
    'osmith.install.disk=../x',
    '',
    'osmith.install.disk cannot be "../x"; It must be the name of a disk, such as sda',
  ],
  ['', 'server = a b', 'server cannot be "a b"; It must be one word'],
  ['', 'erase = maybe', 'erase cannot be "maybe"; It must be yes or no'],
  ['', 'after = halt', 'after cannot be "halt"; It must be poweroff or reboot'],
  [
    'eve_persist_disk=sda,sdb',
    '',
    'eve_persist_disk names several disks: that takes ZFS, which this installer does not have',
  ],
  ['eve_install_zfs_with_raid_level=raid1', '', 'eve_install_zfs_with_raid_level: that takes ZFS'],
  ['eve_install_random_disk_uuids', '', 'eve_install_random_disk_uuids is not possible'],
  [
    'eve_install_skip_config',
    'serial = 7',
    'serial would go into CONFIG, which skip=config leaves as it is; Leave out serial, or config',
  ],
  ['', 'skip = config\nserver = a', 'server would go into CONFIG, which skip=config leaves as it is'],
])('%j and %j are refused', (cmdline, file, expected) => {
  let told = '';
  try {
    readOptions(cmdline, file);
  } catch (error) {
    const { message, details } = error as OsmithError;
    const where = details.where === undefined ? '' : `${details.where.file}:${details.where.line} `;
    told = `${where}${message}; ${details.hint}`;
  }
  expect(told).toContain(expected);
});
