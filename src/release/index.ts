/** Releases: comparing, publishing, verifying. */
export { openBuild, readBuildManifest, type Built, type SignedBuild, type Verify } from './build.ts';
export { openPublisher } from './publish/index.ts';
export type { Publisher } from './publish/types.ts';
export { directoryReader, httpReader, type Reader } from './reader.ts';
export { release, type ReleaseReport } from './release.ts';
export { verifyTarget } from './targets.ts';
export { verifyBuild, verifyPublished } from './verify.ts';
export { MISSING, type Check } from './verify-types.ts';
export { openKeyring, type Keyring } from './openpgp/keyring.ts';
