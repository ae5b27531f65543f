/** What can be wrong with a published release, and with the server that it comes from. */
import { open, rm, stat, truncate } from 'node:fs/promises';
import { randomData } from '../../env.ts';
import type { Claims, Key } from '../../pattern/index.ts';
import type { Limit } from './server.ts';
import type { TokenPlan } from './token.ts';

export interface Fault {
  /** For people: `the server offers ...`. */
  text: string;
  /** Makes a bad token of a good one. */
  token?: (plan: TokenPlan, stranger: Key) => TokenPlan;
  /** Spoils a private copy of a file, `at` bytes from its beginning. */
  file?: (path: string, at: number) => Promise<void>;
  /** What the server does when it has sent so much of the file. */
  then?: Limit['then'];
}

const DAY = 86_400;

/** Another date in it, and the old signature. */
function alterPayload(token: string): string {
  const [header, payload = '', signature] = token.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Claims;
  const altered = JSON.stringify({ ...claims, exp: (claims.exp ?? 0) + DAY });
  return [header, Buffer.from(altered).toString('base64url'), signature].join('.');
}

async function flipBit(path: string, at: number): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const byte = Buffer.alloc(1);
    const place = Math.max(0, Math.min(at, (await file.stat()).size - 1));
    await file.read(byte, 0, 1, place);
    byte[0]! ^= 1;
    await file.write(byte, 0, 1, place);
  } finally {
    await file.close();
  }
}

const BLOCK = 1024 * 1024;

/** Noise from there to the end. */
async function spoil(path: string, at: number): Promise<void> {
  const { size } = await stat(path);
  const file = await open(path, 'r+');
  try {
    for (let place = at; place < size; place += BLOCK)
      await file.write(randomData(Math.min(BLOCK, size - place)), 0, undefined, place);
  } finally {
    await file.close();
  }
}

export const FAULTS = {
  expired: {
    text: 'a token that has expired',
    token: (plan) => {
      const { exp = 0, nbf = 0, iat = 0 } = plan.claims;
      return {
        ...plan,
        claims: { ...plan.claims, iat: iat - 2 * DAY, nbf: nbf - 2 * DAY, exp: exp - 2 * DAY },
      };
    },
  },
  'wrong-key': {
    text: 'a token of a stranger, by the name of a key that is trusted',
    token: (plan, stranger) => ({ ...plan, key: { ...stranger, id: plan.key.id } }),
  },
  'altered-token': {
    text: 'a token that was altered after it was signed',
    token: (plan) => ({ ...plan, alter: alterPayload }),
  },
  unsigned: {
    text: 'a token that says it needs no signature',
    token: (plan) => ({
      ...plan,
      alter: (token) => {
        const header = Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url');
        return `${header}.${token.split('.')[1]}.`;
      },
    }),
  },
  older: {
    text: 'a build that is older than what runs',
    token: (plan) => {
      const epoch = plan.manifest.epoch - 3 * DAY;
      return { ...plan, manifest: { ...plan.manifest, epoch } };
    },
  },
  'other-name': {
    text: 'the token of another build',
    token: (plan) => ({ ...plan, manifest: { ...plan.manifest, name: 'another_build' } }),
  },
  'other-arch': {
    text: 'a build for machines of another architecture',
    token: (plan) => {
      const arch = plan.manifest['arch'] === 'amd64' ? 'arm64' : 'amd64';
      return { ...plan, manifest: { ...plan.manifest, arch } };
    },
  },
  'flip-bit': { text: 'a file in which one bit is wrong', file: flipBit },
  garbage: { text: 'a file whose end is noise', file: spoil },
  truncated: { text: 'a file that is too short', file: truncate },
  missing: { text: 'a release that lacks a file', file: async (path) => rm(path) },
  stall: { text: 'a file and stops in the middle of it', then: 'stall' },
  'cut-off': { text: 'a file and ends the connection in the middle of it', then: 'end' },
} as const satisfies Record<string, Fault>;
export type FaultName = keyof typeof FAULTS;
export const FAULT_NAMES = Object.keys(FAULTS) as [FaultName];
