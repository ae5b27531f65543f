/** Patterns and tokens, as the command line and the agent use them. */
export { dates } from './claims.ts';
export { compareClaims, compareManifests, type JwtDifference } from './compare.ts';
export { runCommands } from './engine.ts';
export { readClaims, readHeader, signJwt, verifyJwt } from './jwt.ts';
export { formatKey, generateKey, parseKey, publicKeyOf, readKeyFile, writeKeyPair } from './keys.ts';
export { execSchema, parseEntries, parsePattern } from './model.ts';
export { collect, render } from './render.ts';
export { testCommands, type TestReport } from './test.ts';
export type * from './types.ts';
