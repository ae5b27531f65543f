/** For tests: a machine whose disks are files, with a medium beside it; all programs are real. */
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import type { InstallManifest } from '../disk/install-manifest.ts';
import { edge2024InstalledLayout } from '../disk/layouts/edge.ts';
import { MIB, SECTOR } from '../disk/layout.ts';
import { BLOCK, sparseHash } from '../disk/sparse-hash.ts';
import { run, scratch } from '../disk/testing.ts';
import { noise } from '../update/testing.ts';
import { runProgram } from '../update/programs.ts';
import { openConsole, type Console } from './console.ts';
import type { Device } from './disks.ts';
import type { Machine } from './install.ts';

/** What IMGA holds: data, a hole, and data. */
export const ROOT = Buffer.concat([noise('root', 5 * MIB), Buffer.alloc(9 * MIB), noise('more', 700_000)]);
export const HEAD = noise('head', MIB);

export function disk(path: string, name: string, mib: number, more: Partial<Device> = {}): Device {
  const fd = openSync(path, 'w');
  ftruncateSync(fd, mib * MIB);
  closeSync(fd);
  return {
    ...{
      name,
      path,
      type: 'disk',
      size: mib * MIB,
      ro: false,
      sector: SECTOR,
      transport: 'virtio',
    },
    ...{ model: '', serial: '', table: '', filesystem: '', label: '', partName: '', children: [] },
    ...more,
  };
}

/** A FAT volume with these files, as large as CONFIG is. */
export function fatVolume(path: string, files: Record<string, string>): void {
  run(['mkfs.vfat', '-C', '-n', 'EVE', path, '1024']);
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(`${path}.file`, content);
    run(['mcopy', '-i', path, `${path}.file`, `::${name}`]);
  }
}

export interface Bench extends Machine {
  dir: string;
  console: Console & { heard: () => string };
  /** What is on the medium; changes count from the next installation on. */
  manifest: InstallManifest;
  writeManifest: () => void;
  devices: Device[];
}

/** `answers`: what somebody enters, in this order. */
export function bench(answers: string[] = [], onSay: (text: string) => void = () => {}): Bench {
  vi.stubEnv('MTOOLS_SKIP_CHECK', '1');
  const dir = scratch();
  const system = join(dir, 'system');
  mkdirSync(system);
  const files: Record<string, Buffer> = {
    'head.img': HEAD,
    'imga.img': ROOT,
    'efi.img': noise('efi', 2 * MIB),
  };
  fatVolume(join(system, 'conf.img'), { server: 'built-in\n' });
  for (const [name, data] of Object.entries(files)) writeFileSync(join(system, name), data);
  const part = (file: string) => {
    const data = readFileSync(join(system, file));
    const hash = sparseHash();
    for (let at = 0; at < data.length; at += BLOCK) hash.update(data.subarray(at, at + BLOCK), at);
    return { file, size: data.length, digest: hash.digest(data.length) };
  };
  const manifest: InstallManifest = {
    ...{
      format: 1,
      title: 'Edge',
      name: 'edge_1',
      layout: structuredClone(edge2024InstalledLayout),
      bios: true,
    },
    parts: ['efi', 'imga', 'conf'].map((partition) => ({ partition, ...part(`${partition}.img`) })),
    head: part('head.img'),
    roles: { root: 'imga', config: 'conf', persist: 'persist' },
  };
  const devices: Device[] = [];
  let said = '';
  const terminal = {
    write(text: string) {
      said += text;
      onSay(text);
    },
    listen(onLine: (line: string) => void) {
      const answer = answers.shift();
      if (answer === undefined) throw new Error('Nobody answers that');
      setImmediate(() => onLine(answer));
      return () => {};
    },
  };
  const writeManifest = () => writeFileSync(join(system, 'install.json'), JSON.stringify(manifest));
  writeManifest();
  return {
    ...{ dir, run: runProgram, medium: { dir: system, disk: 'stick' }, work: join(dir, 'work'), efi: false },
    console: { ...openConsole([terminal]), heard: () => said },
    list: () => Promise.resolve(devices),
    ...{ manifest, writeManifest, devices },
  };
}

/** Adds a disk to a machine. */
export function add(machine: Bench, name: string, mib = 1200, more: Parameters<typeof disk>[3] = {}) {
  const device = disk(join(machine.dir, `${name}.raw`), name, mib, more);
  machine.devices.push(device);
  return device.path;
}

/** Some of a disk. */
export function bytes(path: string, at: number, length: number): Buffer {
  const buffer = Buffer.alloc(length);
  readSync(openSync(path, 'r'), buffer, 0, length, at);
  return buffer;
}

/** The partitions of a disk, which must be sound, each as its number, sectors and name. */
export function partitions(path: string): string[] {
  const table = run(['sgdisk', '-v', '-p', path]).stdout;
  expect(table).toContain('No problems found');
  return [...table.matchAll(/^ +(\d+) +(\d+) +(\d+) .* (\S+)$/gm)].map((match) => match.slice(1).join(' '));
}
