/** Writes down what artifacts are assembled from: the parts with their digests, and the steps that the plan has for it. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { assemblySchema, part } from '../../plan/assembly.ts';
import { dateVersion } from '../container-image/run.ts';
import { defineStep } from '../types.ts';

const params = z.strictObject({
  /** All of it that the plan knows. */
  document: assemblySchema.omit({ parts: true, results: true, raw: true, version: true }),
  /** Empty: the date. */
  version: z.string(),
  /** By the input that is the part. */
  parts: z.record(z.string(), part.omit({ digest: true, size: true })),
  /** Inputs with the layers of the steps that made the parts, which tell their times. */
  layers: z.record(z.string(), z.string()),
});

const FILE = 'assembly.json';

export default defineStep<z.infer<typeof params>>({
  kind: 'assembly',
  summary: ({ parts }) => `Write down how artifacts are assembled of ${Object.keys(parts).length} parts`,
  params,
  async run(context) {
    const { document, version, parts, layers } = context.params;
    const assembly = assemblySchema.parse({
      ...document,
      version: version || dateVersion(context.epoch),
      parts: Object.entries(parts).map(([input, each]) => ({ ...each, ...context.blob(input) })),
      results: Object.fromEntries(
        Object.entries(parts).flatMap(([input, { step }]) => {
          const layer = layers[step];
          if (layer === undefined) return [];
          return [[step, { facts: context.facts(input), epoch: context.facts(layer)['epoch'] }]];
        }),
      ),
      raw: context.blob('raw'),
    });
    await writeFile(join(context.work, FILE), `${JSON.stringify(assembly, null, 1)}\n`);
    return { files: { document: FILE } };
  },
});
