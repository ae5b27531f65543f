/** A tree as a tar file, to be handed out. */
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { defineStep } from '../types.ts';

const params = z.strictObject({
  /** What it is, for people. */
  what: z.string(),
});

export default defineStep<z.infer<typeof params>>({
  kind: 'archive',
  summary: ({ what }) => `Archive ${what}`,
  params,
  async run(context) {
    await pipeline(
      context.flatten(context.tree('tree')),
      createWriteStream(join(context.work, 'archive.tar')),
    );
    return { files: { tar: 'archive.tar' } };
  },
});
