/** What gpg found out about a signature, by the lines that it writes for programs. Pure. */

export interface Verdict {
  ok: boolean;
  /** Why not, or whose it is. */
  detail: string;
}

/** MD5, SHA-1 and RIPEMD-160, by their numbers in OpenPGP: others than the signer can make what fits those. */
const WEAK = ['1', '2', '3'];
/** A signature of bytes, not of text whose line ends do not count. */
const BINARY = '00';

const BAD: Record<string, (words: string[]) => string> = {
  BADSIG: ([, ...name]) => `the file is not what ${name.join(' ')} signed`,
  EXPKEYSIG: ([, ...name]) => `it is signed with a key of ${name.join(' ')} that has expired`,
  REVKEYSIG: ([, ...name]) => `it is signed with a key of ${name.join(' ')} that was revoked`,
  EXPSIG: ([, ...name]) => `the signature of ${name.join(' ')} has expired`,
  ERRSIG: ([key]) =>
    `it is signed with the key ${key}, which is not in the key ring, or in a way that gpg does not know`,
  NODATA: () => 'it is no signature',
};

/** One good signature at least, and none that is not. */
export function readStatus(text: string): Verdict {
  const lines = text.split('\n').flatMap((line) => {
    const [mark, word, ...words] = line.trim().split(' ');
    return mark === '[GNUPG:]' && word !== undefined ? [{ word, words }] : [];
  });
  const bad = lines.find(({ word }) => Object.hasOwn(BAD, word));
  if (bad !== undefined) return { ok: false, detail: BAD[bad.word]!(bad.words) };
  const good = lines.filter(({ word }) => word === 'GOODSIG');
  const valid = lines.filter(({ word }) => word === 'VALIDSIG').map(({ words }) => words);
  if (good.length === 0 || valid.length !== good.length) return { ok: false, detail: 'it is no signature' };
  for (const [, , , , , , , digest = '', kind] of valid) {
    if (WEAK.includes(digest)) return { ok: false, detail: 'it is made with a digest that can be forged' };
    if (kind !== BINARY) return { ok: false, detail: 'it is no signature of a file as it is' };
  }
  // The fingerprint of the primary key comes last.
  const [first] = valid as [string[]];
  return { ok: true, detail: `by ${first.at(-1)}` };
}
