/** A built image: what the output directory's manifest says is there. */
import { open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { isSystemError, OsmithError } from '../errors.ts';
import { ARCHES, type Arch } from './firmware.ts';
import { certificates } from './pe.ts';

const manifestSchema = z.object({
  name: z.string(),
  arch: z.enum(ARCHES),
  artifacts: z.array(z.object({ name: z.string(), size: z.number(), sha256: z.string() })),
  inputs: z.object({ images: z.unknown().optional() }).optional(),
});

export interface Image {
  dir: string;
  name: string;
  arch: Arch;
  /** File names. */
  artifacts: string[];
  /** Made of OCI images: its own services say who may log in. */
  composed: boolean;
  /** Nobody has signed its kernel: no machine that enforces Secure Boot starts it. */
  unsigned: boolean;
}

const BUILD_FIRST = '`osmith build` makes one; --out DIR says where it is';

/** Reads `DIR/manifest.json` and looks whether the files are all there. */
export async function openImage(dir: string): Promise<Image> {
  const file = join(dir, 'manifest.json');
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if (!isSystemError(cause) || !['ENOENT', 'ENOTDIR'].includes(cause.code!)) throw cause;
    throw new OsmithError('E_NO_IMAGE', `There is no built image in ${dir}`, { cause, hint: BUILD_FIRST });
  }
  const manifest = parse(text, file);
  for (const { name, size } of manifest.artifacts) {
    const found = await stat(join(dir, name)).catch(() => undefined);
    if (found?.size === size) continue;
    throw new OsmithError(
      'E_NO_IMAGE',
      `${join(dir, name)} is ${found === undefined ? 'missing' : 'not complete'}`,
      {
        hint: 'Run `osmith build` again: it puts back what the store has',
      },
    );
  }
  const artifacts = manifest.artifacts.map(({ name }) => name);
  const composed = manifest.inputs?.images !== undefined;
  const image = { dir, name: manifest.name, arch: manifest.arch, artifacts, composed };
  const kernel = findArtifact(image, 'vmlinuz');
  return { ...image, unsigned: kernel !== undefined && (await isUnsigned(kernel)) };
}

const HEAD = 4096;

/** Whether it is an EFI program without a signature. */
async function isUnsigned(file: string): Promise<boolean> {
  const handle = await open(file);
  const { buffer, bytesRead } = await handle
    .read(Buffer.alloc(HEAD), 0, HEAD, 0)
    .finally(() => handle.close());
  try {
    return certificates(buffer.subarray(0, bytesRead)).size === 0;
  } catch {
    return false; // of another kind
  }
}

function parse(text: string, file: string): z.infer<typeof manifestSchema> {
  try {
    return manifestSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new OsmithError('E_NO_IMAGE', `${file} is not a manifest`, { cause, hint: BUILD_FIRST });
  }
}

/** Path of the artifact with this ending, such as `raw` or `pxe.tar`, if the build made one. */
export function findArtifact(
  image: Pick<Image, 'dir' | 'name' | 'artifacts'>,
  extension: string,
): string | undefined {
  const name = image.artifacts.find((each) => each === `${image.name}.${extension}`);
  const other = name ?? image.artifacts.find((each) => each.endsWith(`.${extension}`));
  return other === undefined ? undefined : join(image.dir, other);
}

/** The same; without it the image cannot be used for what was asked. */
export function artifact(image: Image, extension: string): string {
  const path = findArtifact(image, extension);
  if (path !== undefined) return path;
  throw new OsmithError('E_NO_IMAGE', `The build in ${image.dir} has no .${extension} artifact`, {
    hint: `Add ${extension} to the artifacts that the configuration asks for, and build again`,
  });
}
