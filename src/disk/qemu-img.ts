/** qemu-img (QEMU 10): converts raw disks to virtual disk formats. */

export type VirtualDiskFormat = 'qcow2' | 'vmdk' | 'vdi' | 'vhdx';

/** What makes files small and widely readable; and, for VMDK, what cloud importers take. */
const OPTIONS: Record<VirtualDiskFormat, string[]> = {
  qcow2: ['-c', '-o', 'compat=1.1,compression_type=zlib'],
  vmdk: ['-o', 'subformat=streamOptimized,adapter_type=lsilogic'],
  vdi: [],
  vhdx: ['-o', 'subformat=dynamic'],
};

/** One coroutine and in-order writes: otherwise the order of clusters is left to chance. */
export function qemuImgArgv(format: VirtualDiskFormat, raw: string, output: string): string[] {
  return ['qemu-img', 'convert', '-m', '1', '-f', 'raw', '-O', format, ...OPTIONS[format], raw, output];
}
