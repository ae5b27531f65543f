/** Which key signs, by gpg's list of keys, and why one cannot. Pure. */

/** A key or subkey. */
interface KeyRecord {
  primary: boolean;
  /** gpg's letter for it: `e` expired, `r` revoked, and so on. */
  validity: string;
  created: number;
  /** What it may be used for: `s` signs. */
  uses: string;
  /** `+`: here; `#`: not; a number: on a card; '': this is the list of public keys. */
  secret: string;
  fingerprint: string;
}

/** Reads the output of `listKeysArgv`. The keys come each with its subkeys behind it. */
export function parseKeys(text: string): KeyRecord[] {
  const records: KeyRecord[] = [];
  for (const line of text.split('\n')) {
    const fields = line.split(':');
    const [kind = '', validity = '', , , , created = ''] = fields;
    if (['sec', 'ssb', 'pub', 'sub'].includes(kind))
      records.push({
        ...{ primary: kind === 'sec' || kind === 'pub', validity, created: Number(created) },
        ...{ uses: fields[11] ?? '', secret: fields[14] ?? '', fingerprint: '' },
      });
    const last = records.at(-1);
    if (kind === 'fpr' && last?.fingerprint === '') last.fingerprint = fields[9] ?? '';
  }
  return records;
}

export interface Signer {
  /** Of the very key or subkey that signs. */
  fingerprint: string;
  /** The first time at which it could sign: nothing that it signs is older. */
  created: number;
}

const INVALID: Record<string, string> = {
  e: 'has expired',
  r: 'was revoked',
  d: 'is disabled',
  i: 'is not valid: its own signatures are missing or wrong',
};

function whyNot({ validity, secret }: KeyRecord): string | undefined {
  if (INVALID[validity] !== undefined) return INVALID[validity];
  if (secret === '#') return 'is there without its secret part';
  return secret === '+' ? undefined : 'is on a smart card, which a build cannot reach';
}

/**
 * The newest part of the key that can sign, or that which was named itself; a text: why there is none. `secret` and `known`
 * are gpg's lists of the secret and of all keys with that name.
 */
export function chooseSigner(key: string, secret: string, known: string): Signer | string {
  const records = parseKeys(secret);
  const [primary, ...others] = records.filter((record) => record.primary);
  if (primary === undefined)
    return parseKeys(known).length === 0
      ? 'is not there'
      : 'is only a public key: its secret part is missing';
  if (others.length > 0) return 'is the name of several keys';
  const fault = INVALID[primary.validity] ?? (primary.uses.includes('D') ? INVALID['d'] : undefined);
  if (fault !== undefined) return fault;
  const named = records.filter((record) => !record.primary && record.fingerprint.endsWith(key));
  const made = (named.length > 0 ? named : records).filter(({ uses }) => uses.includes('s'));
  if (made.length === 0) return 'is not made for signing (it may certify or encrypt only)';
  const [newest] = made.filter((each) => whyNot(each) === undefined).sort((a, b) => b.created - a.created);
  if (newest === undefined) return whyNot(made[0]!)!;
  return { fingerprint: newest.fingerprint, created: Math.max(newest.created, primary.created) };
}

/** Why a trial failed, by what gpg said. */
export function whyUnsigned(lines: readonly string[]): string {
  const text = lines.join('\n');
  if (/No pinentry|passphrase|Operation cancelled|Timeout/i.test(text))
    return 'needs a passphrase, and a build has nobody to ask';
  return 'cannot sign';
}
