/** The token of a release for tests. */
import type { Claims, Key } from '../../pattern/index.ts';
import { signJwt } from '../../pattern/index.ts';
import type { MadeRelease } from './release.ts';

export interface TokenPlan {
  claims: Claims;
  /** What the build's manifest says. */
  manifest: MadeRelease['manifest'];
  key: Key;
  /** Done to the signed token. */
  alter?: (token: string) => string;
}

const HOUR = 3600;

/** What a good token says. `at`: milliseconds since 1970. */
export function goodToken({ name, manifest }: MadeRelease, key: Key, at: number): TokenPlan {
  const iat = Math.floor(at / 1000);
  const claims = { iss: 'osmith test', sub: name, iat, nbf: iat - 300, exp: iat + HOUR };
  return { claims, manifest, key };
}

export async function formatToken({ claims, manifest, key, alter }: TokenPlan): Promise<string> {
  const token = await signJwt({ ...claims, buildManifest: JSON.stringify(manifest) }, key);
  return alter === undefined ? token : alter(token);
}
