/** The images of an output directory that a live update changes, and what the manifest beside them says. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import type { Config } from '../config/index.ts';
import { OsmithError } from '../errors.ts';
import { holdImages, imageFormat, type HeldImage, type ImageFormat } from '../live/held.ts';
import { writeAtomic } from '../run/store.ts';
import { interruption } from './signals.ts';

/** The images of the output directory that can be changed in place. */
export async function imagesIn(out: string): Promise<{ file: string; format: ImageFormat }[]> {
  const names = await readdir(out).catch(() => []);
  return names.sort().flatMap((name) => {
    const format = name.startsWith('.') ? undefined : imageFormat(name);
    return format === undefined ? [] : [{ file: join(out, name), format }];
  });
}

const manifestSchema = z.looseObject({
  variant: z.record(z.string(), z.string()).default({}),
  artifacts: z.array(z.looseObject({ name: z.string(), size: z.number(), sha256: z.string() })),
});
export type Manifest = z.infer<typeof manifestSchema>;

async function readManifest(out: string): Promise<Manifest> {
  const file = join(out, 'manifest.json');
  try {
    return manifestSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (cause) {
    throw new OsmithError('E_LIVE', `${file} does not say what the images beside it are`, {
      cause,
      hint: 'Build without --live-update',
    });
  }
}

/** Throws E_LIVE if the images are those of another variant. */
function checkVariant(out: string, manifest: Manifest, config: Config): void {
  const [own, other] = [config.attributes, manifest.variant].map((each) =>
    Object.entries(each).sort().join(' '),
  );
  if (own === other) return;
  throw new OsmithError(
    'E_LIVE',
    `${out} holds another variant: ${Object.values(manifest.variant).join(' ')}`,
    {
      hint: 'Name its directory with --out, or build without --live-update',
    },
  );
}

/** The manifest no longer says what the image's file is: its size counts for who boots it. */
export async function amendManifest(out: string, manifest: Manifest, changed: string): Promise<void> {
  for (const artifact of manifest.artifacts) {
    if (artifact.name === changed) artifact.size = (await stat(join(out, changed))).size;
  }
  await writeAtomic(
    join(out, 'manifest.json'),
    `${JSON.stringify({ ...manifest, liveUpdate: true }, null, 2)}\n`,
  );
}

/** What holds during a live update: nobody else builds the variant, or uses the images. */
export interface Held {
  manifest: Manifest;
  images: HeldImage[];
  release(): Promise<void>;
}

/** The manifest of images that may be changed. Throws E_LIVE for those of another variant. */
export async function checkManifest(out: string, config: Config): Promise<Manifest> {
  const manifest = await readManifest(out);
  checkVariant(out, manifest, config);
  return manifest;
}

/** Waits for other builds, and begins to copy. Throws E_LIVE for images that may not be changed. */
export async function hold(
  out: string,
  config: Config,
  locking: Promise<{ release(): Promise<void> }>,
): Promise<Held> {
  const lock = await locking;
  try {
    const manifest = await checkManifest(out, config);
    const made = new Set(manifest.artifacts.map(({ name }) => name));
    const wanted = (await imagesIn(out)).filter(({ file }) => made.has(basename(file)));
    const images = await holdImages(wanted, interruption);
    const release = async () => {
      await Promise.all(images.map((image) => image.release()));
      await lock.release();
    };
    return { manifest, images, release };
  } catch (error) {
    await lock.release();
    throw error;
  }
}
