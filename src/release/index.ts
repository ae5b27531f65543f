/** Releases: comparing, publishing, verifying. */
export { openBuild, readBuildManifest, type Built, type SignedBuild, type Verify } from './build.ts';
export { openPublisher } from './publish/index.ts';
export type { Publisher } from './publish/types.ts';
export { directoryReader, httpReader, type Reader } from './reader.ts';
export { release, type ReleaseReport } from './release.ts';
export { verifyTarget } from './targets.ts';
export { MISSING, verifyBuild, verifyPublished, type Check } from './verify.ts';
