/** What users name to have it verified: a directory or a URL, of a build or of releases, or a published token. */
import { basename, dirname } from 'node:path';
import { OsmithError } from '../errors.ts';
import type { Http } from '../update/http.ts';
import { MANIFEST } from './layout.ts';
import { openReader } from './publish/index.ts';
import { httpReader, readSmall, type Reader } from './reader.ts';
import { verifyBuild, verifyPublished } from './verify.ts';
import type { Check, VerifyOptions } from './verify-types.ts';

export interface TargetOptions extends Omit<VerifyOptions, 'reader'> {
  target: string;
  http: Http;
  /** Name of the build, asked for where a server cannot say which tokens it has. */
  name: () => string;
}

function readerOf(target: string, http: Http): Reader {
  if (/^https?:\/\//.test(target)) return httpReader(target, http);
  return openReader({ target, signal: http.signal });
}

/** Verifies a target. Throws E_NO_IMAGE when there is nothing to verify. */
export async function verifyTarget({ target, http, name, ...rest }: TargetOptions): Promise<Check[]> {
  if (target.endsWith('.jwt')) {
    const reader = readerOf(dirname(target), http);
    return verifyPublished({ ...rest, reader }, basename(target, '.jwt'));
  }
  const reader = readerOf(target, http);
  const options = { ...rest, reader };
  if ((await readSmall(reader, MANIFEST, 1)) !== undefined) return verifyBuild(options);
  const files = await reader.list('.');
  const names = files === undefined ? [name()] : tokensIn(files);
  if (names.length === 0)
    throw new OsmithError('E_NO_IMAGE', `There is neither a build nor a release in ${reader.place}`, {
      hint: 'Name the output directory of a build, the target of a release, its URL, or a published token',
    });
  const checks: Check[] = [];
  for (const each of names) checks.push(...(await verifyPublished(options, each)));
  return checks;
}

function tokensIn(files: readonly string[]): string[] {
  return files.filter((file) => /^[\w+-][\w.+-]*\.jwt$/.test(file)).map((file) => basename(file, '.jwt'));
}
