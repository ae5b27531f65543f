/** An EFI program for tests. */

/** Where its code is, and where the signature. */
export const TEXT = 0x200;
export const TEXT_SIZE = 0x100;
export const SIGNATURE = 0x400;

/** A program of 0x400 bytes with .data and .text, and a signature of 0x100 bytes behind it. */
export function signedProgram(signature = 0x100): Buffer {
  const file = Buffer.alloc(SIGNATURE + signature, 0x90);
  file.fill(0, 0, TEXT);
  file.write('MZ', 0);
  file.writeUInt32LE(0x80, 0x3c);
  file.write('PE\0\0', 0x80, 'latin1');
  file.writeUInt16LE(2, 0x86); // sections
  file.writeUInt16LE(0xf0, 0x94); // size of the optional header
  file.writeUInt16LE(0x20b, 0x98); // PE32+
  if (signature > 0) {
    file.writeUInt32LE(SIGNATURE, 0x98 + 112 + 32);
    file.writeUInt32LE(signature, 0x98 + 112 + 36);
  }
  const section = (at: number, name: string, size: number, raw: number, offset: number) => {
    file.write(name, at, 'latin1');
    file.writeUInt32LE(size, at + 8);
    file.writeUInt32LE(raw, at + 16);
    file.writeUInt32LE(offset, at + 20);
  };
  section(0x188, '.data', 0x100, 0x100, 0x300);
  section(0x1b0, '.text', TEXT_SIZE - 0x40, TEXT_SIZE, TEXT);
  return file;
}
