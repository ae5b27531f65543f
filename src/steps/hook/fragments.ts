/** Fragments of the manifest that a hook has written: read, checked, and kept as one JSON file. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OsmithError } from '../../errors.ts';
import type { Json } from '../../plan/types.ts';

/** Contents by path below the directory of fragments. */
export type Fragments = Record<string, { [key: string]: Json }>;

/** Top files first, then directories, bytewise: the order in which they are merged. */
export function mergeOrder(a: string, b: string): number {
  const [one, two] = [a.split('/'), b.split('/')];
  const depth = one.findIndex((part, index) => part !== two[index]);
  const isFile = (path: string[]) => path.length === depth + 1;
  if (isFile(one) !== isFile(two)) return isFile(one) ? -1 : 1;
  return one[depth]! < two[depth]! ? -1 : 1;
}

async function files(dir: string, prefix = ''): Promise<string[]> {
  const entries = await readdir(join(dir, prefix), { withFileTypes: true });
  const found: string[] = [];
  for (const entry of entries) {
    const path = join(prefix, entry.name);
    if (entry.isDirectory()) found.push(...(await files(dir, path)));
    else if (entry.isFile()) found.push(path);
    // A link would be followed here, outside of the sandbox.
    else throw new OsmithError('E_HOOK', `$OSMITH_MANIFEST/${path} is not a plain file`);
  }
  return found;
}

function parse(path: string, text: string): { [key: string]: Json } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new OsmithError('E_HOOK', `$OSMITH_MANIFEST/${path} is not JSON: ${(cause as Error).message}`);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as { [key: string]: Json };
  throw new OsmithError('E_HOOK', `$OSMITH_MANIFEST/${path} is not a JSON object`, {
    hint: 'Write the value with its name, such as {"language": "en"}',
  });
}

/** All fragments of a directory. Throws E_HOOK for one that cannot be part of a manifest. */
export async function readFragments(dir: string): Promise<Fragments> {
  const paths = (await files(dir)).sort(mergeOrder);
  const read = async (path: string) => [path, parse(path, await readFile(join(dir, path), 'utf8'))] as const;
  return Object.fromEntries(await Promise.all(paths.map(read)));
}
