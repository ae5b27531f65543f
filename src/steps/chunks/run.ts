/** Makes the chunk index of a file, with which machines download only what an update changed. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { chunkFile, formatIndex } from '../../update/chunks.ts';
import { defineStep } from '../types.ts';

export default defineStep({
  kind: 'chunks',
  summary: () => 'Make the index for small updates',
  params: z.strictObject({}),
  async run(context) {
    const chunks = await chunkFile(context.path('file'));
    context.log(`${chunks.length} chunks`);
    await writeFile(join(context.work, 'chunks'), formatIndex(chunks));
    return { files: { chunks: 'chunks' } };
  },
});
