/** Files and directories of the workspace as inputs of steps. */
import { createHash } from 'node:crypto';
import { lstatSync, readFileSync, readdirSync, readlinkSync, realpathSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { OsmithError } from '../errors.ts';
import type { SourceInput } from './types.ts';

type Hash = ReturnType<typeof createHash>;

function digestInto(hash: Hash, root: string, path: string, skip?: string): void {
  const info = lstatSync(path);
  const name = relative(root, path);
  if (info.isDirectory()) {
    hash.update(`d ${name}\0`);
    const entries = readdirSync(path).filter((entry) => entry !== skip);
    for (const entry of entries.sort()) digestInto(hash, root, join(path, entry), skip);
  } else if (info.isSymbolicLink()) hash.update(`l ${name}\0${readlinkSync(path)}\0`);
  else {
    const content = readFileSync(path);
    hash.update(`f ${name}\0${info.mode & 0o111 ? 'x' : '-'} ${content.length}\0`).update(content);
  }
}

/**
 * Digest over names, contents, links and executable bits; other modes and owners vary between checkouts. What is called
 * `skip` does not count.
 */
export function sourceInput(workspace: string, path: string, skip?: string): SourceInput {
  const hash = createHash('sha256');
  const full = resolve(workspace, path);
  try {
    // A link stands for what it leads to, as it does when it is bound into a sandbox.
    const real = realpathSync(full);
    digestInto(hash, real, real, skip);
  } catch (cause) {
    throw new OsmithError('E_WORKSPACE', `Cannot read ${path}: ${(cause as Error).message}`, {
      cause,
      where: { file: full },
    });
  }
  return { source: path, digest: hash.digest('hex') };
}
