/** qemu-img and qemu-io (QEMU 10): convert raw disks to virtual disk formats. */

export type VirtualDiskFormat = 'qcow2' | 'vmdk' | 'vdi' | 'vhdx' | 'vhd' | 'dynamic.vhd' | 'parallels';

/** QEMU's name, and what makes files small and widely readable; for VMDK and VHD, what cloud importers take. */
const OPTIONS: Record<VirtualDiskFormat, [driver: string, ...options: string[]]> = {
  qcow2: ['qcow2', '-c', '-o', 'compat=1.1,compression_type=zlib'],
  vmdk: ['vmdk', '-o', 'subformat=streamOptimized,adapter_type=lsilogic'],
  vdi: ['vdi'],
  vhdx: ['vhdx', '-o', 'subformat=dynamic'],
  // Otherwise the size would be rounded to what cylinders and heads can say.
  vhd: ['vpc', '-o', 'subformat=fixed,force_size=on'],
  'dynamic.vhd': ['vpc', '-o', 'subformat=dynamic,force_size=on'],
  parallels: ['parallels'],
};

export interface SourceDisk {
  file: string;
  format: 'raw' | 'qcow2';
}

/** One coroutine and in-order writes: otherwise the order of clusters is left to chance. */
export function qemuImgArgv(
  format: VirtualDiskFormat,
  { file, format: from }: SourceDisk,
  output: string,
): string[] {
  const [driver, ...options] = OPTIONS[format];
  return ['qemu-img', 'convert', '-m', '1', '-f', from, '-O', driver, ...options, file, output];
}

/** A raw disk out of another one. Holes stay holes. */
export function toRawArgv({ file, format }: SourceDisk, output: string): string[] {
  return ['qemu-img', 'convert', '-m', '1', '-f', format, '-O', 'raw', file, output];
}

/** A larger disk that begins like `raw`, of which nothing is copied. */
export function overlayArgv(raw: string, output: string, size: number): string[] {
  return ['qemu-img', 'create', '-q', '-f', 'qcow2', '-b', raw, '-F', 'raw', output, String(size)];
}

/** Writes files into it. */
export function writeIntoArgv(
  disk: string,
  writes: readonly { file: string; at: number; length: number }[],
): string[] {
  const commands = writes.flatMap(({ file, at, length }) => ['-c', `write -q -s ${file} ${at} ${length}`]);
  return ['qemu-io', '-f', 'qcow2', ...commands, disk];
}
