/** A built image: what the output directory's manifest says is there. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { isSystemError, OsmithError } from '../errors.ts';
import { ARCHES, type Arch } from './firmware.ts';

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
  return { dir, name: manifest.name, arch: manifest.arch, artifacts, composed };
}

function parse(text: string, file: string): z.infer<typeof manifestSchema> {
  try {
    return manifestSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new OsmithError('E_NO_IMAGE', `${file} is not a manifest`, { cause, hint: BUILD_FIRST });
  }
}

/** Path of the artifact with this ending, such as `raw` or `pxe.tar`, if the build made one. */
export function findArtifact(image: Image, extension: string): string | undefined {
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
