/** What a verification finds. */
import type { Verify } from './build.ts';
import type { Keyring } from './openpgp/keyring.ts';
import type { Reader } from './reader.ts';

export interface Check {
  /** Path of the file, below the target. */
  file: string;
  /**
   * `signature` of a token, or by OpenPGP; `manifest` as it is signed; `digest` as the manifest says; `checksum` files that
   * say what is there; `unpacked` what a file holds; `extra` what nothing names.
   * Of a Docker official image: `library` file, `history` of a commit, `image` layout, `dockerfile`. Of records: `audit`.
   */
  what:
    | ('signature' | 'manifest' | 'digest' | 'checksum' | 'unpacked' | 'extra')
    | ('library' | 'history' | 'image' | 'dockerfile' | 'audit');
  ok: boolean;
  /** Why not, or what was found. */
  detail: string;
}

/** Detail of a check whose file is not there. */
export const MISSING = 'it is missing';

export interface VerifyOptions {
  reader: Reader;
  verify: Verify;
  /** Keys of OpenPGP: everything must be signed with one of them. */
  keyring?: Keyring | undefined;
  /** A build need not have a token. */
  unsigned?: boolean | undefined;
  /** Called with each check as it was done. */
  onCheck?: ((check: Check) => void) | undefined;
  signal?: AbortSignal | undefined;
}

export type Add = (file: string, what: Check['what'], wrong: string | undefined, detail?: string) => void;

export interface Job extends VerifyOptions {
  add: Add;
}
