import { describe, expect, it } from 'vitest';
import { certificates, flipBit, stripSignature } from './pe.ts';

const TEXT = 0x200;
const TEXT_SIZE = 0x100;
const SIGNATURE = 0x400;

/** A program of 0x400 bytes with .data and .text, and a signature of 0x100 bytes behind it. */
function signedProgram(signature = 0x100): Buffer {
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

function differences(a: Buffer, b: Buffer): number[] {
  return [...a.keys()].filter((at) => a[at] !== b[at]);
}

describe('flipBit', () => {
  it('changes one bit of the code that is loaded', () => {
    const file = signedProgram();
    const changed = flipBit(file);
    const [at, ...more] = differences(file, changed);
    expect(more).toEqual([]);
    expect(at).toBeGreaterThanOrEqual(TEXT);
    expect(at).toBeLessThan(TEXT + TEXT_SIZE - 0x40);
    expect(file[at!]! ^ changed[at!]!).toBe(1);
  });

  it.each([
    ['text', Buffer.from('hello')],
    ['nothing', Buffer.alloc(0)],
    ['a DOS program', Buffer.concat([Buffer.from('MZ'), Buffer.alloc(200)])],
  ])('refuses %s', (_, file) => {
    expect(() => flipBit(file)).toThrow('not an EFI program');
  });
});

describe('stripSignature', () => {
  it('leaves the program and no signature', () => {
    const file = signedProgram();
    const bare = stripSignature(file);
    expect(bare).toHaveLength(SIGNATURE);
    expect(certificates(bare)).toEqual({ offset: 0, size: 0 });
    expect(bare.equals(signedProgram(0))).toBe(true);
    expect(certificates(file)).toEqual({ offset: SIGNATURE, size: 0x100 });
  });

  it('refuses what is not signed', () => {
    expect(() => stripSignature(signedProgram(0))).toThrow('it is not signed');
  });
});
