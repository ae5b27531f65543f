/** Packs a file, for it to be handed out. */
import { z } from 'zod';
import { compressArgv } from '../../disk/compressors.ts';
import { defineStep } from '../types.ts';

const params = z.strictObject({
  /** What it is, for people. */
  what: z.string(),
  format: z.enum(['gz', 'xz', 'zst']),
});

export default defineStep<z.infer<typeof params>>({
  kind: 'compress',
  summary: ({ what, format }) => `Pack ${what} (${format})`,
  params,
  async run(context) {
    const file = `packed.${context.params.format}`;
    await context.exec({ argv: compressArgv(context.params.format, '/in/file'), stdout: { file } });
    return { files: { file } };
  },
});
