/** Detached signatures of package files, which pacman's index need not hold: small files beside the packages. */
import pLimit from 'p-limit';
import { OsmithError } from '../../errors.ts';
import type { PackageFile } from '../types.ts';

const PARALLEL = 6;
/** Bytes; a signature has some hundred. */
const LARGEST = 16_384;

async function fetchSignature(url: string, signal: AbortSignal): Promise<string> {
  const response = await fetch(url, { signal }).catch((cause: unknown) => {
    signal.throwIfAborted();
    const { host } = new URL(url);
    throw new OsmithError('E_NETWORK', `${host} cannot be reached`, {
      cause,
      hint: 'Check the network, the proxy variables and bootstrap.mirror',
    });
  });
  const body = Buffer.from(await response.arrayBuffer());
  if (response.ok && body.length <= LARGEST) return body.toString('base64');
  throw new OsmithError('E_SIGNATURE', `There is no signature of ${url.replace(/\.sig$/, '')}`, {
    hint: `The mirror answers ${response.status}; every package must be signed. Check bootstrap.mirror`,
  });
}

/** The packages with their signatures. */
export function withSignatures(files: PackageFile[], signal: AbortSignal): Promise<PackageFile[]> {
  const limit = pLimit(PARALLEL);
  return Promise.all(
    files.map((file) =>
      limit(async () =>
        file.signature === undefined
          ? { ...file, signature: await fetchSignature(`${file.url}.sig`, signal) }
          : file,
      ),
    ),
  );
}
