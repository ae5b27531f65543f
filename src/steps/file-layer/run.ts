/** A layer of an image that is nothing but some files. */
import { join } from 'node:path';
import { z } from 'zod';
import { writeTar } from '../../disk/tar-writer.ts';
import { defineStep } from '../types.ts';

const params = z.strictObject({
  /** What it is, for people. */
  name: z.string(),
  /** Path in the image to the input that has the content. */
  files: z.record(z.string().regex(/^[^/]+(\/[^/]+)*$/), z.string()),
});

export default defineStep<z.infer<typeof params>>({
  kind: 'file-layer',
  summary: ({ name, files }) => `Make the layer ${name} (${Object.keys(files).length} files)`,
  params,
  async run(context) {
    const members = Object.entries(context.params.files)
      .map(([name, input]) => ({ name, source: { file: context.path(input) } }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    await writeTar(join(context.work, 'layer.tar'), members, context.epoch);
    // Of a layer with files of one step: that step's.
    return { files: { tar: 'layer.tar' }, facts: { epoch: context.epoch } };
  },
});
