/** Kernels and modules without the signatures and keys that every build makes anew. */
import { gunzipSync, zstdDecompressSync } from 'node:zlib';

/** linux/module_signature.h: signature, then twelve bytes that end with its length, then this. */
const MODULE_MAGIC = Buffer.from('~Module signature appended~\n');
const MODULE_INFO = 12;

export function isModule(path: string): boolean {
  return /\.ko(?:\.gz|\.zst)?$/u.test(path);
}

export function isKernel(path: string): boolean {
  return /(?:^|[/:])(?:vmlinuz[^/]*|vmlinux[^/]*|bzImage|kernel|[^/]*\.vmlinuz)$/u.test(path);
}

/** The key that signed the modules. */
export function isModuleKey(path: string): boolean {
  return /(?:^|[/:])lib\/modules\/[^/]+\/signing_key\.x509$/u.test(path);
}

function unpacked(content: Buffer): Buffer {
  try {
    if (content.readUInt16BE(0) === 0x1f8b) return gunzipSync(content);
    if (content.readUInt32LE(0) === 0xfd2fb528) return zstdDecompressSync(content);
  } catch {
    // What only looks compressed, or is cut off, is compared as it is.
  }
  return content;
}

/** A module without the signature at its end. */
export function neutralModule(content: Buffer): Buffer {
  const module = content.length < 4 ? content : unpacked(content);
  const end = module.length - MODULE_MAGIC.length;
  if (end < MODULE_INFO || !module.subarray(end).equals(MODULE_MAGIC)) return module;
  const length = module.readUInt32BE(end - 4);
  const start = end - MODULE_INFO - length;
  return start < 0 ? module : module.subarray(0, start);
}

/** A kernel with zeros in place of the modules' keys and of its own signature (PE/COFF, "Attribute Certificate Table"). */
export function neutralKernel(content: Buffer, keys: readonly Buffer[]): Buffer {
  const kernel = Buffer.from(content.length < 4 ? content : unpacked(content));
  for (const key of keys.filter(({ length }) => length > 0)) {
    for (let at = kernel.indexOf(key); at >= 0; at = kernel.indexOf(key, at))
      kernel.fill(0, at, at + key.length);
  }
  return withoutSignature(kernel);
}

function withoutSignature(kernel: Buffer): Buffer {
  if (kernel.length < 0x40 || kernel.toString('latin1', 0, 2) !== 'MZ') return kernel;
  const pe = kernel.readUInt32LE(0x3c);
  if (pe + 24 + 160 > kernel.length || kernel.toString('latin1', pe, pe + 4) !== 'PE\0\0') return kernel;
  const optional = pe + 24;
  const directories = optional + (kernel.readUInt16LE(optional) === 0x20b ? 112 : 96);
  const entry = directories + 4 * 8;
  const [start, size] = [kernel.readUInt32LE(entry), kernel.readUInt32LE(entry + 4)];
  kernel.fill(0, optional + 64, optional + 68); // the checksum covers the signature
  kernel.fill(0, entry, entry + 8);
  return start > 0 && start + size === kernel.length ? kernel.subarray(0, start) : kernel;
}
