/** Emulators for programs of another architecture: qemu-user, static, in the tools tree. */
import { arch as hostArch } from 'node:os';

/** Distribution architecture names to node's. */
const NODE_ARCH: Record<string, string> = { amd64: 'x64', arm64: 'arm64', riscv64: 'riscv64' };

/** ELF headers as the kernel's binfmt_misc wants them: magic and mask, from qemu's binfmt configuration. */
const MAGIC: Record<string, { machine: string; qemu: string }> = {
  amd64: { machine: '\\x3e\\x00', qemu: 'qemu-x86_64-static' },
  arm64: { machine: '\\xb7\\x00', qemu: 'qemu-aarch64-static' },
  riscv64: { machine: '\\xf3\\x00', qemu: 'qemu-riscv64-static' },
};

export function isForeign(arch: string): boolean {
  return NODE_ARCH[arch] !== hostArch();
}

/** What to register so that programs of `arch` run here; nothing where they run anyway. */
export function foreignEmulator(arch: string): { interpreter: string; magic: string } | undefined {
  const entry = MAGIC[arch];
  if (!isForeign(arch) || entry === undefined) return undefined;
  const magic = `\\x7fELF\\x02\\x01\\x01\\x00${'\\x00'.repeat(8)}\\x02\\x00${entry.machine}`;
  const mask = `${'\\xff'.repeat(7)}\\x00${'\\xff'.repeat(8)}\\xfe\\xff\\xff\\xff`;
  return { interpreter: `/usr/bin/${entry.qemu}`, magic: `${magic}:${mask}` };
}
