/** A release as its token describes it. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { buildId, isSafeCmdline, type SlotPart, type SlotSystem } from '../disk/boot-slots.ts';
import { OsmithError } from '../errors.ts';
import { verifyJwt, type Claims, type VerifyOptions } from '../pattern/index.ts';

/** Tokens with a manifest of some thousand packages stay far below this. */
export const MAX_TOKEN = 16 * 1024 * 1024;

const fileName = z.string().regex(/^[\w+-][\w.+-]*$/);

/** What updates and releases read of a build's manifest.json; there is more in it. */
const manifestSchema = z.object({
  name: fileName,
  /** Up to the year 9999. */
  epoch: z.int().nonnegative().max(253_402_300_799),
  arch: z.string().optional(),
  cmdline: z.string().refine(isSafeCmdline).optional(),
  artifacts: z.array(
    z.object({
      name: fileName,
      size: z.int().positive(),
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
    }),
  ),
});

export type Manifest = z.infer<typeof manifestSchema>;

/** Undefined for what is not the manifest of a build. */
export function parseManifest(text: string): Manifest | undefined {
  try {
    return manifestSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/**
 * Where the files of a release are published, below the directory of its token: one place for each manifest, so that what
 * a token names is never changed under it.
 */
export function releaseDirectory(text: string, { name, epoch }: Pick<Manifest, 'name' | 'epoch'>): string {
  const date = new Date(epoch * 1000).toISOString().slice(0, 10);
  return `${name}/${date}-${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
}

export interface Release extends SlotSystem {
  /** Of the files, below that of the token. */
  directory: string;
  /** File names: part to file. */
  files: Record<string, string>;
  /** File names of chunk indexes: part to file. */
  indexes: Record<string, string>;
}

function wrong(name: string, why: string): OsmithError {
  return new OsmithError('E_UPDATE', `The token of ${name} describes no system for this machine: ${why}`, {
    hint: 'Publish the token that `osmith release` made for this variant',
  });
}

/** What a machine can start. */
export interface Wanted {
  /** Of the build. */
  name: string;
  /** Of the machine. Builds that do not say theirs are taken to be of it. */
  arch: string;
  /** The parts of a system, by the ends of the artifacts' names. */
  names: readonly string[];
  /** Of the running system, for builds that do not say theirs. */
  cmdline: string;
}

/** Reads the claims of a verified token. */
export function releaseOf(claims: Claims, { name, arch, names, cmdline }: Wanted): Release {
  const text = claims.buildManifest ?? '';
  const manifest = parseManifest(text);
  if (manifest === undefined) throw wrong(name, 'it has no manifest of a build');
  if (manifest.name !== name) throw wrong(name, `it is of ${manifest.name}`);
  if ((manifest.arch ?? arch) !== arch)
    throw wrong(name, `it is for ${manifest.arch}, this machine is ${arch}`);
  const artifacts = new Map(manifest.artifacts.map((artifact) => [artifact.name, artifact]));
  const parts = names.map((part): SlotPart => {
    const found = artifacts.get(`${name}.${part}`);
    if (found === undefined) throw wrong(name, `its build made no ${part}`);
    return { name: part, size: found.size, sha256: found.sha256 };
  });
  const indexed = names.filter((part) => artifacts.has(`${name}.${part}.chunks`));
  return {
    name,
    build: buildId(parts),
    epoch: manifest.epoch,
    issued: claims.iat ?? 0,
    cmdline: manifest.cmdline ?? cmdline,
    parts,
    directory: releaseDirectory(text, manifest),
    files: Object.fromEntries(names.map((part) => [part, `${name}.${part}`])),
    indexes: Object.fromEntries(indexed.map((part) => [part, `${name}.${part}.chunks`])),
  };
}

/** Seconds that the clocks of a signer and a machine may differ. */
const LEEWAY = 300;

/**
 * The time to check a token at. A clock before the date of the running system's build is wrong for certain (no battery,
 * and no time server yet): then the token's own `nbf`, which only its signer can set, says what time it is at least.
 * A clock that may be right is believed, but for some minutes before `nbf`.
 */
export function verificationTime(
  clock: number,
  buildEpoch: number,
  { nbf = 0 }: Pick<Claims, 'nbf'>,
): number {
  if (clock < buildEpoch * 1000) return Math.max(buildEpoch, nbf) * 1000;
  return nbf * 1000 > clock && nbf * 1000 <= clock + LEEWAY * 1000 ? nbf * 1000 : clock;
}

/** Verifies a token at that time. */
export async function verifyAt(
  token: string,
  read: (token: string) => Claims,
  options: VerifyOptions & { buildEpoch: number },
): Promise<Claims> {
  const { buildEpoch, ...rest } = options;
  let nbf: Claims['nbf'];
  try {
    nbf = read(token).nbf;
  } catch {
    nbf = undefined; // verifyJwt says what is wrong with it
  }
  return verifyJwt(token, { ...rest, now: verificationTime(options.now, buildEpoch, { nbf }) });
}
