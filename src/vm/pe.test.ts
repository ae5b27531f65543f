import { describe, expect, it } from 'vitest';
import { certificates, flipBit, stripSignature } from './pe.ts';
import { SIGNATURE, signedProgram, TEXT, TEXT_SIZE } from './testing.ts';

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
