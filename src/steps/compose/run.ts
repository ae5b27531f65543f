/** Composes a system out of images: writes its tar. */
import { join } from 'node:path';
import { z } from 'zod';
import { MADE_TIME } from '../../compose/image-files.ts';
import { item, type Item } from '../../compose/items.ts';
import { writeTar } from '../../compose/write.ts';
import { addBlob, blobPath } from '../../run/store.ts';
import { defineStep } from '../types.ts';

const IMAGES = ['kernel', 'image', 'copied'];

const params = z.strictObject({ items: z.array(item) });

export default defineStep<{ items: Item[] }>({
  kind: 'compose',
  summary: ({ items }) =>
    `Compose the system out of ${items.filter(({ kind }) => IMAGES.includes(kind)).length} images`,
  params,
  async run(context) {
    const file = join(context.work, 'system.tar');
    const { digest } = await writeTar(context.params.items, file, {
      blob: (digest) => blobPath({ dir: context.store }, digest),
      signal: context.signal,
      progress: (text) => context.progress(text),
    });
    // It was hashed on its way into the file: reading all of it again would take as long as writing it.
    return { files: { tar: await addBlob({ dir: context.store }, file, digest) }, epoch: MADE_TIME };
  },
});
