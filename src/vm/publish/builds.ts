/** Builds that tests publish: the image that is tested, and others that are made from it in a moment. */

export const BUILDS = {
  /** The image itself. */
  same: 'is the image itself',
  newer: 'is later, and works',
  broken: 'is later, and its first program ends at once',
  unhealthy: 'is later, and one of its services ends at once',
  'no-kernel': 'is later, and its kernel is none',
  unsigned: 'is later, and its kernel is not what was signed',
} as const;
export type BuildName = keyof typeof BUILDS;
/** One that is made. */
export type OtherBuild = Exclude<BuildName, 'same'>;
export const BUILD_NAMES = Object.keys(BUILDS) as [BuildName];
