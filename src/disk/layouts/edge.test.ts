/** Tables of edge systems, written as a disk gets them and read by sgdisk, against those that are in the field. */
import { closeSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { RECORD_SIZE } from '../gpt-slots.ts';
import { hybridEntries, MBR_ENTRIES } from '../hybrid-mbr.ts';
import { MIB, place, type DiskLayout } from '../layout.ts';
import { sfdiskArgv, sfdiskScript } from '../sfdisk.ts';
import { describeWith, run, scratch } from '../testing.ts';
import {
  edge2024InstalledLayout,
  edge2024InstallerLayout,
  edge2024Layout,
  edge2026InstalledLayout,
  edge2026InstallerLayout,
  edge2026Layout,
  edgeLayout,
} from './edge.ts';

interface Table {
  mib: number;
  /** Number, first and last sector, name; in the order of sgdisk, which is that of the numbers. */
  partitions: [number, number, number, string][];
  mbr: string;
  /** What `sgdisk -i` says of a partition. */
  info: (number: number) => { type: string; uuid: string; attributes: string };
}

function written(layout: DiskLayout, contents: Record<string, number>, disk?: number): Table {
  const placement = place(layout, contents, false, disk);
  const file = join(scratch(), 'disk');
  const fd = openSync(file, 'w+');
  ftruncateSync(fd, placement.total);
  expect(run(sfdiskArgv(file), { input: sfdiskScript(placement, '1'.repeat(64)) })).toMatchObject({
    status: 0,
  });
  writeSync(fd, hybridEntries(placement)!, 0, 64, MBR_ENTRIES);
  const mbr = Buffer.alloc(64);
  readSync(fd, mbr, 0, 64, MBR_ENTRIES);
  closeSync(fd);
  expect(run(['sgdisk', '-v', file]).stdout).toContain('No problems found');
  const table = run(['sgdisk', '-p', file]).stdout;
  expect(table).toContain('Disk identifier (GUID): AD6871EE-31F9-4CF3-9E09-6F7A25C30050');
  return {
    mib: placement.total / MIB,
    partitions: [...table.matchAll(/^ +(\d+) +(\d+) +(\d+) +\S+ \S+ +\S+ +(\S.*)$/gm)].map(
      ([, number, first, last, name]) => [Number(number), Number(first), Number(last), name!],
    ),
    mbr: mbr
      .toString('hex')
      .replace(/(.{8})(.{8})(.{8})(.{8})/g, '$1 $2 $3 $4\n')
      .replace(/(?:00000000 ?)+\n/g, ''),
    info(number) {
      const text = run(['sgdisk', '-i', String(number), file]).stdout;
      const value = (name: string) => new RegExp(`${name}: '?([^ \\n']+)`).exec(text)![1]!;
      return {
        ...{ type: value('Partition GUID code'), uuid: value('Partition unique GUID') },
        attributes: value('Attribute flags'),
      };
    },
  };
}

const OURS = 'AD6871EE-31F9-4CF3-9E09-6F7A25C3';
const ESP = 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B';
const SLOT = '5DFBF5F4-2848-4BAC-AA5E-0D9A20B745A6';
const PROTECTIVE = '00000200 ee202000 01000000 ff070000\n';
const SMALL = '80202100 0cb63204 00080000 00200100\n' + PROTECTIVE;
const LARGE = '80202100 0c357005 00080000 00004000\n';

describeWith(['sfdisk', 'sgdisk'], 'disks of edge systems', () => {
  it('of 2024: what a machine runs from', () => {
    const { mib, partitions, mbr, info } = written(edge2024Layout, { imga: 100 * MIB, conf: MIB });
    expect(mib).toBe(559);
    expect(partitions).toEqual([
      [1, 2048, 75775, 'EFI System'],
      [2, 77824, 1126399, 'IMGA'],
      [4, 75776, 77823, 'CONFIG'],
    ]);
    expect(mbr).toBe(SMALL);
    expect(info(1)).toEqual({ type: ESP, uuid: `${OURS}0051`, attributes: '0000000000000004' });
    expect(info(2)).toEqual({ type: SLOT, uuid: `${OURS}0052`, attributes: '0102000000000000' });
    expect(info(4)).toEqual({
      ...{ type: '13307E62-CD9C-4920-8F9B-91B45828B798', uuid: `${OURS}0054` },
      attributes: '0000000000000000',
    });
  });

  it('of 2024: an installer, in another order and for Windows', () => {
    const layout = edgeLayout(2024, '-installer', ['efi', 'imga', 'conf_win']);
    const { mib, partitions, mbr, info } = written(layout, { imga: MIB });
    expect(mib).toBe(559);
    expect(partitions).toEqual([
      [1, 2048, 75775, 'EFI System'],
      [2, 75776, 1124351, 'IMGA'],
      [4, 1124352, 1126399, 'CONFIG'],
    ]);
    expect(mbr).toBe(SMALL);
    expect(info(4).type).toBe('EBD0A0A2-B9E5-4433-87C0-68B6B72699C7');
    expect(info(4).uuid).not.toContain(OURS);
    const later = written(edge2024InstallerLayout, { efi: 100 * MIB });
    expect(later.partitions).toEqual([
      [1, 4096, 311295, 'EFI System'],
      [4, 2048, 4095, 'CONFIG'],
      [5, 311296, 393215, 'INVENTORY'],
    ]);
  });

  it('of 2024: a slot is as large as its contents, if those are larger, and what says what they are', () => {
    const sizeOf = (layout: DiskLayout, imga: number) =>
      place(layout, { imga }, false, 4096 * MIB).partitions.find(({ spec }) => spec.name === 'imga')!.size;
    expect(sizeOf(edge2024Layout, 600 * MIB - RECORD_SIZE)).toBe(600 * MIB);
    expect(sizeOf(edge2024Layout, 600 * MIB)).toBe(601 * MIB);
    // All of the slot of such a disk.
    expect(sizeOf(edge2024InstalledLayout, 601 * MIB)).toBe(601 * MIB);
  });

  it('of 2026: what a machine runs from', () => {
    const { mib, partitions, mbr, info } = written(edge2026Layout, { imga: 300 * MIB });
    expect(mib).toBe(14351);
    expect(partitions).toEqual([
      [1, 2048, 4196351, 'EFI System'],
      [2, 8400896, 29372415, 'IMGA'],
      [4, 8390656, 8400895, 'CONFIG'],
      [7, 4196352, 8390655, 'EFI System'],
    ]);
    expect(mbr).toBe(LARGE + PROTECTIVE);
    expect(info(7)).toEqual({ type: ESP, uuid: `${OURS}0056`, attributes: '0000000000000000' });
  });

  it('of 2026: an installer', () => {
    const { mib, partitions, mbr, info } = written(edge2026InstallerLayout, { installer: 300 * MIB });
    expect(mib).toBe(2404);
    expect(partitions).toEqual([
      [1, 2048, 4196351, 'EFI System'],
      [4, 4196352, 4206591, 'CONFIG'],
      [5, 4823040, 4904959, 'INVENTORY'],
      [6, 4206592, 4823039, 'INSTALLER'],
    ]);
    expect(mbr).toBe(
      LARGE + '00357105 07d85305 00084000 00280000\n00384d2c 07516031 00984900 00400100\n' + PROTECTIVE,
    );
    expect(info(6)).toEqual({ type: SLOT, uuid: `${OURS}0060`, attributes: '0102000000000000' });
  });

  it('of 2026: a machine of 64 GiB', () => {
    const { partitions, info } = written(edge2026InstalledLayout, { imga: 300 * MIB }, 65536 * MIB);
    expect(partitions).toEqual([
      [1, 2048, 4196351, 'EFI System'],
      [2, 8390656, 29362175, 'IMGA'],
      [3, 29362176, 50333695, 'IMGB'],
      [4, 50333696, 50343935, 'CONFIG'],
      [7, 4196352, 8390655, 'EFI System'],
      [9, 50343936, 134217694, 'P3'],
    ]);
    expect(info(3)).toEqual({ type: SLOT, uuid: `${OURS}0053`, attributes: '0000000000000000' });
    expect(info(9)).toMatchObject({ type: '5F24425A-2DFA-11E8-A270-7B663FACCC2C', uuid: `${OURS}0059` });
  });

  it('say so when a machine is too small', () => {
    expect(() => place(edge2026InstalledLayout, {}, false, 8192 * MIB)).toThrow(
      /edge-2026-installed needs 24583 MiB, and the disk has only 8192 MiB/,
    );
  });
});
