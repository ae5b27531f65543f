/** Writes checksums and sizes as files, for those who download without Osmith. The store knows both already. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { defineStep } from '../types.ts';

const params = z.strictObject({
  /** File name to the name of the input that is its content. */
  files: z.record(z.string(), z.string()),
  /** Those of the files that SHA256SUMS lists. */
  listed: z.array(z.string()),
  /** Name of a file to the input whose size is what it unpacks to. */
  sizes: z.record(z.string(), z.string()),
});

export default defineStep<z.infer<typeof params>>({
  kind: 'checksums',
  summary: () => 'Write checksums',
  params,
  async run(context) {
    const { files, listed, sizes } = context.params;
    const made: Record<string, string> = {};
    const write = async (name: string, text: string) => {
      await writeFile(join(context.work, name), text);
      made[name] = name;
    };
    const line = (name: string) => `${context.blob(files[name]!).digest}  ${name}\n`;
    for (const name of Object.keys(files)) await write(`${name}.sha256`, line(name));
    for (const [name, input] of Object.entries(sizes))
      await write(`${name}.size`, `${context.blob(input).size}\n`);
    await write('SHA256SUMS', listed.map(line).join(''));
    return { files: made };
  },
});
