import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { defineStep } from '../types.ts';

const params = z.strictObject({
  /** INI, without anything private. As lines, so that a plan can tell which of them changed. */
  lines: z.array(z.string()),
});

export default defineStep<z.infer<typeof params>>({
  kind: 'config',
  summary: () => 'Save the configuration',
  params,
  async run(context) {
    await writeFile(join(context.work, 'config.ini'), context.params.lines.join('\n'));
    return { files: { config: 'config.ini' } };
  },
});
