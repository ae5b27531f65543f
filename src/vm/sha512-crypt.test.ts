import { describe, expect, it } from 'vitest';
import { sha512Crypt } from './sha512-crypt.ts';

// Vectors of the specification ("Unix crypt using SHA-256 and SHA-512", U. Drepper).
describe('sha512Crypt', () => {
  it.each([
    [
      'Hello world!',
      'saltstringsaltst',
      10000,
      'OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.',
    ],
    [
      'Hello world!',
      'saltstring',
      5000,
      'svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1',
    ],
    [
      'we have a short salt string but not a short password',
      'short',
      77777,
      'WuQyW2YR.hBNpjjRhpYD/ifIw05xdfeEyQoMxIXbkvr0gge1a1x3yRULJ5CCaUeOxFmtlcGZelFl5CxtgfiAc0',
    ],
    [
      'the minimum number is still observed',
      'roundstoolow',
      1000,
      'kUMsbe306n21p9R.FRkW3IGn.S9NPN0x50YhH1xhLsPuWGsUSklZt58jaTfF4ZEQpyUNGc0dqbpBYYBaHHrsX.',
    ],
  ])('%s', (password, salt, rounds, hash) => {
    expect(sha512Crypt(password, salt, rounds)).toBe(`$6$rounds=${rounds}$${salt}$${hash}`);
  });
});
