/** Opens what a user names as an image: the directory of a layout, one in a tar, or a reference to a registry. */
import { mkdtemp, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { OsmithError } from '../errors.ts';
import { unpackImage } from './archive.ts';
import { imagesOf } from './image.ts';
import { openLayout } from './layout.ts';
import { parseReference, type Reference } from './reference.ts';
import type { ImageSource } from './source.ts';
import { index, parseDocument, type Descriptor } from './types.ts';

export interface NamedSource {
  /** Absent: the registry. */
  layout?: ImageSource;
  reference: Reference;
}

function nameOf({ digest, annotations }: Descriptor): string {
  return annotations?.['org.opencontainers.image.ref.name'] ?? digest;
}

/** The one image of a layout, or the one for the architecture. */
function chosen(entries: readonly Descriptor[], name: string, arch: string): Descriptor {
  const fitting = entries.filter(({ platform }) => platform?.architecture === arch);
  const [only, ...others] = entries.length === 1 ? entries : fitting;
  if (only !== undefined && others.length === 0) return only;
  const has = entries.map(nameOf).join(', ') || 'none';
  throw new OsmithError('E_IMAGE', `${name} has not one image for ${arch}; it has ${has}`, {
    hint: 'Copy the one that you mean into a layout of its own, or name another architecture with --arch',
  });
}

async function inLayout(dir: string, name: string, arch: string): Promise<NamedSource> {
  const layout = await openLayout(dir);
  const file = join(dir, 'index.json');
  const { manifests } = parseDocument(index, await readFile(file), `${name}: index.json`);
  const { digest } = chosen(imagesOf(manifests), name, arch);
  // By its digest: what layouts call their images mostly is no name that registries would know.
  return {
    layout,
    reference: { full: name, registry: 'layout', repository: 'image', tag: undefined, digest },
  };
}

/** `scratch`: a directory for the contents of a tar. Throws E_IMAGE. */
export async function openNamed(
  name: string,
  arch: string,
  scratch: () => Promise<string>,
): Promise<NamedSource> {
  const found = await stat(name).catch(() => undefined);
  if (found?.isDirectory()) return inLayout(name, name, arch);
  if (found !== undefined) {
    const dir = await mkdtemp(join(await scratch(), 'image-'));
    await unpackImage(name, dir);
    return inLayout(dir, name, arch);
  }
  if (/^[./]|\.tar$/.test(name))
    throw new OsmithError('E_IMAGE', `There is no ${name}`, {
      hint: 'Name an OCI image layout, a tar of one, or an image of a registry',
    });
  return { reference: parseReference(name) };
}
