/** Names such as `PILLAR_TAG` for the packages of a directory, and for their variants. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DEBIAN_FILE, openDebianPackage } from '../pkg/debian.ts';
import { buildFileNames, readPackage } from '../pkg/package.ts';
import { variantTag } from './render.ts';

/** `dom0-ztools` is DOM0_ZTOOLS_TAG, and DOM0ZTOOLS_TAG as EVE writes it. */
function stems(name: string): string[] {
  const upper = name.toUpperCase().replaceAll(/[^A-Z0-9]+/g, '-');
  return [...new Set([upper.replaceAll('-', '_'), upper.replaceAll('-', '')])];
}

/** Build files that make a variant of a package, with what they put into its name. */
const VARIANTS: [string, string][] = [
  ['build-dev.yml', '_DEV'],
  ['build-k.yml', '_K'],
  ['build-k-dev.yml', '_K_DEV'],
];

export interface TagRequest {
  /** Directories whose sub-directories are packages. */
  roots: readonly string[];
  platform: string;
  /** In place of the hashes of git. */
  hash?: string | undefined;
  org?: string | undefined;
}

interface Source {
  dir: string;
  /** None: it is made of Debian's packages. */
  buildYml?: string[];
}

async function sources({ roots, platform }: TagRequest): Promise<Map<string, Source>> {
  const found = new Map<string, Source>();
  for (const root of roots) {
    for (const name of (await readdir(root).catch(() => [])).sort()) {
      const dir = join(root, name);
      const files: string[] = await readdir(dir).catch(() => []);
      const isDebian = files.includes(DEBIAN_FILE);
      if (!isDebian && !files.includes('build.yml')) continue;
      for (const stem of stems(name)) {
        if (isDebian) {
          found.set(`${stem}_TAG`, { dir });
          continue;
        }
        found.set(`${stem}_TAG`, { dir, buildYml: buildFileNames({ platform }) });
        for (const [file, infix] of VARIANTS) {
          if (files.includes(file)) found.set(`${stem}${infix}_TAG`, { dir, buildYml: [file] });
        }
      }
    }
  }
  return found;
}

/**
 * References of the packages that a template names: of no others, since each is asked of git. Names that nothing is known
 * of stay away; all others are there to be suggested.
 */
export async function packageTags(
  request: TagRequest,
  names: readonly string[],
  flags: readonly string[],
): Promise<{ tags: Map<string, string>; known: string[] }> {
  const all = await sources(request);
  const known = new Map([...all.keys()].map((name): [string, string] => [name, name]));
  const used = [...new Set(names.flatMap((name) => [name, variantTag(name, { flags, tags: known })]))];
  const { hash, org } = request;
  const tags = new Map<string, string>();
  for (const name of used) {
    const source = all.get(name);
    if (source === undefined) continue;
    const { dir, buildYml } = source;
    const pkg = buildYml
      ? await readPackage(dir, { buildYml, hash, org })
      : await openDebianPackage(dir, { hash, org });
    tags.set(name, pkg.reference);
  }
  return { tags, known: [...all.keys()] };
}
