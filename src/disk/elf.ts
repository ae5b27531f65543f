/** Looks into ELF programs (System V ABI, "Program Header"). */

const PT_INTERP = 3;

/** Whether a 64-bit little-endian program runs without a dynamic loader. `head` is the file's first page. */
export function isStaticElf(head: Buffer): boolean {
  if (head.length < 64 || head.toString('latin1', 0, 4) !== '\x7fELF' || head[4] !== 2 || head[5] !== 1)
    return false;
  const table = Number(head.readBigUInt64LE(32));
  const size = head.readUInt16LE(54);
  for (let index = 0; index < head.readUInt16LE(56); index++) {
    const at = table + index * size;
    if (at + 4 > head.length || head.readUInt32LE(at) === PT_INTERP) return false;
  }
  return true;
}
