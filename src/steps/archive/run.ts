/** A tree as a tar file, to be handed out. */
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { subtreeMatcher } from '../../disk/path-pattern.ts';
import { defineStep } from '../types.ts';

const params = z.strictObject({
  /** What it is, for people. */
  what: z.string(),
  /** Patterns of what is left out, directories with all that is in them. */
  exclude: z.array(z.string().min(1)).default([]),
});

export default defineStep<z.infer<typeof params>>({
  kind: 'archive',
  summary: ({ what }) => `Archive ${what}`,
  params,
  async run(context) {
    const { exclude } = context.params;
    const leftOut = subtreeMatcher(exclude);
    const select = exclude.length === 0 ? undefined : (path: string) => !leftOut(path);
    await pipeline(
      context.flatten(context.tree('tree'), select),
      createWriteStream(join(context.work, 'archive.tar')),
    );
    return { files: { tar: 'archive.tar' } };
  },
});
