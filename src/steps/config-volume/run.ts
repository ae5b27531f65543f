/** Makes the volume with a system's configuration: a FAT file system of a fixed size, which other systems can edit. */
import { copyFile, mkdir, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { writeFatVolume } from '../../disk/fat-volume.ts';
import { seededId32 } from '../../disk/ids.ts';
import { defineStep } from '../types.ts';

const params = z.strictObject({
  /** Bytes. */
  size: z.int().positive(),
  label: z.string(),
  /** Path on the volume to the input that has the content. */
  files: z.record(z.string(), z.string()),
  /** Name of an empty file that tells what the volume was made for. */
  marker: z.string(),
});

const IMAGE = 'config.img';

export default defineStep<z.infer<typeof params>>({
  kind: 'config-volume',
  summary: ({ files }) => `Make the volume with the configuration (${Object.keys(files).length} files)`,
  params,
  async run(context) {
    const { size, label, files, marker } = context.params;
    const path = (file: string) => join(context.work, file);
    await writeFile(path(IMAGE), '');
    await truncate(path(IMAGE), size);
    const place = async (target: string) => {
      await mkdir(dirname(path(`conf/${target}`)), { recursive: true });
      return path(`conf/${target}`);
    };
    await writeFile(await place(marker), '');
    for (const [target, input] of Object.entries(files))
      await copyFile(context.path(input), await place(target));
    const placed = [marker, ...Object.keys(files)].map((target) => ({
      source: `/work/conf/${target}`,
      target,
    }));
    const volume = { disk: IMAGE, start: 0, size, id: seededId32(context.seed, 'fat'), label };
    await writeFatVolume(context, volume, placed);
    return { files: { image: IMAGE } };
  },
});
