/** Where packages come from: the configured components as addresses, and their signed indexes. */
import { OsmithError } from '../../errors.ts';
import { unreachable } from '../tool-error.ts';
import type { Source } from '../types.ts';
import { firstStream } from './gzip.ts';
import { signedContent, type Keys } from './keys.ts';
import { parseIndex, type ApkPackage } from './package-index.ts';
import { tarEntries } from './tar.ts';

const ARCH: Record<string, string> = { amd64: 'x86_64', arm64: 'aarch64' };

export function apkArch(arch: string): string {
  return ARCH[arch] ?? arch;
}

export interface Address {
  /** Empty: packages come from it without being asked for it. */
  tag: string;
  url: string;
}

/** `NAME` is a repository of the suite; `@TAG=SUITE/NAME` one whose packages must be asked for with `@TAG`. */
export function addresses(source: Source, ownMirror: string): Address[] {
  const mirror = (source.mirror || ownMirror).replace(/\/+$/, '');
  return source.components.map((component) => {
    const [, tag = '', path = `${source.suite}/${component}`] = /^@([^=]+)=(.+)$/.exec(component) ?? [];
    return { tag, url: `${mirror}/${path}` };
  });
}

/** /etc/apk/repositories. */
export function repositoriesFile(list: readonly Address[]): string {
  return list.map(({ tag, url }) => `${tag && `@${tag} `}${url}\n`).join('');
}

/** Bytes; what is larger is no index. */
const LARGEST = 1 << 28;

async function fetchIndex(url: string, source: Source, signal: AbortSignal): Promise<Buffer> {
  const { host } = new URL(url);
  const failed = (cause: unknown): never => {
    signal.throwIfAborted();
    throw new OsmithError('E_NETWORK', unreachable(host).message, { ...unreachable(host).details, cause });
  };
  const response = await fetch(url, { signal }).catch(failed);
  if (!response.ok) {
    throw new OsmithError('E_SUITE', `The mirror has no ${url}: it answers ${response.status}`, {
      hint: `Check bootstrap.suite, bootstrap.components and bootstrap.mirror; the suite is ${source.suite}`,
    });
  }
  return Buffer.from(await response.arrayBuffer().catch<never>(failed));
}

function distrusted(url: string): OsmithError {
  return new OsmithError('E_SIGNATURE', `The package index ${url} is not signed by a trusted key`, {
    hint: 'Check bootstrap.mirror and bootstrap.keyring: a key counts under the name that the signature gives it',
  });
}

/** The packages of a repository. Throws E_SIGNATURE if no key signed its index. */
export async function readRepository(
  { url }: Address,
  source: Source,
  keys: Keys,
  signal: AbortSignal,
): Promise<ApkPackage[]> {
  const at = `${url}/${apkArch(source.arch)}/APKINDEX.tar.gz`;
  const signed = signedContent(await fetchIndex(at, source, signal), keys);
  if (signed === undefined) throw distrusted(at);
  for (const { entry, body } of tarEntries(firstStream(signed, LARGEST).content))
    if (entry.path === 'APKINDEX') return parseIndex(body.toString('utf8'));
  throw new OsmithError('E_SIGNATURE', `${at} holds no index`, { hint: 'Use another mirror' });
}
