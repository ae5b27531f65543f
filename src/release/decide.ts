/** Whether a build is to be published, and why. Pure. */
import { OsmithError } from '../errors.ts';
import { compareClaims, type JwtDifference } from '../pattern/index.ts';
import { isOlder } from '../update/slots.ts';
import type { SignedBuild } from './build.ts';

export interface ReleasePolicy {
  /** Publish what is older than what is published. */
  allowOlder: boolean;
  /** Builds of different versions of this program can be equal. */
  ignoreVersion: boolean;
  /** Milliseconds since the Unix epoch. */
  now: number;
}

export type Reason =
  | 'first'
  | 'different'
  /** Equal, but the published token expires before long, and this one later. */
  | 'renew'
  /** Equal, but files of the published release are not there. */
  | 'repair';

export type Decision =
  | { action: 'nothing'; difference: JwtDifference }
  | { action: 'publish'; reason: Reason; difference?: JwtDifference };

function identity({ claims, manifest }: SignedBuild) {
  return { build: '', epoch: manifest.epoch, issued: claims.iat ?? 0 };
}

/** Half of its time is over: what is published every week must not expire for want of a change. */
function ages({ claims: { iat, exp } }: SignedBuild, now: number): boolean {
  return exp !== undefined && now / 1000 > ((iat ?? exp) + exp) / 2;
}

/** `missing`: files of the published release that are not there. Throws E_RELEASE for what is older. */
export function decide(
  build: SignedBuild,
  current: SignedBuild | undefined,
  missing: readonly string[],
  { allowOlder, ignoreVersion, now }: ReleasePolicy,
): Decision {
  if (current === undefined) return { action: 'publish', reason: 'first' };
  const difference = compareClaims(current.claims, build.claims, { ignoreVersion });
  if (difference.equal) {
    if (missing.length > 0) return { action: 'publish', reason: 'repair', difference };
    const longer = (build.claims.exp ?? Infinity) > (current.claims.exp ?? Infinity);
    return longer && ages(current, now)
      ? { action: 'publish', reason: 'renew', difference }
      : { action: 'nothing', difference };
  }
  if (!allowOlder && isOlder(identity(build), identity(current)))
    throw new OsmithError(
      'E_RELEASE',
      `The published release of ${build.manifest.name} is newer than this build`,
      {
        hint: 'Machines would refuse it. To go back on purpose: --allow-older',
      },
    );
  return { action: 'publish', reason: 'different', difference };
}
