/** What every token that is made here says of itself. */
import type { Claims } from './types.ts';

/** How long a token holds when nothing says so, in seconds: a year. */
export const EXPIRES_IN = 366 * 86_400;
/** Clocks of the machines that verify may be behind that of the one that signs, in seconds. */
const CLOCK_TOLERANCE = 60;

/** Dates of a token that is made at `at` (milliseconds) and holds for `expiresIn` seconds. */
export function dates(at: number, expiresIn = EXPIRES_IN): Required<Pick<Claims, 'iat' | 'nbf' | 'exp'>> {
  const iat = Math.floor(at / 1000);
  return { iat, nbf: iat - CLOCK_TOLERANCE, exp: iat + expiresIn };
}
