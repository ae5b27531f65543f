/** What is left on the medium about a machine and its installation: INVENTORY/SERIAL/ */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { must, type RunProgram } from '../update/programs.ts';
import { lsblkArgv } from './disks.ts';

const DMI = '/sys/class/dmi/id';
/** In this order they make the model's name. */
const MODEL = [
  'sys_vendor',
  'product_name',
  'product_version',
  'product_serial',
  'board_name',
  'bios_version',
];

async function dmi(name: string): Promise<string> {
  return (await readFile(join(DMI, name), 'utf8').catch(() => '')).trim();
}

/** A name that FAT can hold. */
export function directoryName(serial: string): string {
  return serial.replaceAll(/[^\w.-]+/g, '_').slice(0, 64) || 'unknown';
}

export async function hardwareModel(): Promise<string> {
  const lines = await Promise.all(MODEL.map(async (name) => `${name}=${await dmi(name)}\n`));
  return lines.join('');
}

/** What the machine calls itself, for those that get no other name. */
export async function machineSerial(): Promise<string> {
  return (await dmi('product_serial')) || (await dmi('product_uuid')) || 'unknown';
}

export interface Outcome {
  result: 'installed' | 'failed' | 'wiped' | 'reported';
  /** What was installed, and where. */
  system?: string;
  disk?: string;
  message?: string;
}

/** Writes the report. `volume`: the FAT volume for it. */
export async function writeReport(
  run: RunProgram,
  {
    volume,
    work,
    serial,
    log,
    outcome,
  }: { volume: string; work: string; serial: string; log: string; outcome: Outcome },
): Promise<void> {
  const dir = join(work, 'report');
  await mkdir(dir, { recursive: true });
  const said = async (...argv: string[]) => (await run(argv)).stdout;
  const files: Record<string, string> = {
    'hardware-model.txt': await hardwareModel(),
    'disks.json': (await run(lsblkArgv())).stdout,
    'devices.txt': await said('sh', '-c', 'cat /sys/bus/pci/devices/*/uevent /sys/bus/usb/devices/*/uevent'),
    'cpu.txt': await readFile('/proc/cpuinfo', 'utf8'),
    'memory.txt': await readFile('/proc/meminfo', 'utf8'),
    'kernel.log': await said('dmesg'),
    'installer.log': log,
    'result.json': `${JSON.stringify({ serial, ...outcome }, null, 2)}\n`,
  };
  const target = `::${directoryName(serial)}`;
  await run(['mmd', '-D', 's', '-i', volume, target]);
  for (const [name, content] of Object.entries(files)) {
    await writeFile(join(dir, name), content);
    await must(run, ['mcopy', '-o', '-i', volume, join(dir, name), `${target}/${name}`]);
  }
}
