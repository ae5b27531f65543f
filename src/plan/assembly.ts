/**
 * What an operating system's artifacts are assembled from, as a document: the parts, and the steps that make artifacts of
 * them, as the build planned them. Whoever has both makes the same artifacts with the same steps.
 */
import { z } from 'zod';
import { OsmithError } from '../errors.ts';
import type { Json } from './types.ts';

/** Kinds of steps that turn parts into artifacts. They read files and nothing else: no tree, no network, no secret. */
export const ASSEMBLING = [
  ...(['disk', 'convert', 'boot-zip', 'install-image', 'pack', 'live', 'iso', 'cpio', 'pxe'] as const),
];

/** Where the parts are in an image. */
export const PARTS = 'bits';

/** Where the document is. */
export const DOCUMENT = `${PARTS}/assembly.json`;

const word = z.string().regex(/^[\w+-][\w.+-]*$/);
const id = z.string().regex(/^[\w.+-]+(\/[\w.+-]+)*$/);
const json: z.ZodType<Json> = z.json();
const from = z.strictObject({ step: id, output: word });

const step = z.strictObject({
  id,
  kind: z.enum(ASSEMBLING),
  params: z.record(z.string(), json),
  inputs: z.record(z.string(), from),
  /** Step of the tools tree; absent: the host's. */
  tools: id.optional(),
});

/** A file in the image: an output of a step that the image does without. */
export const part = from.extend({
  path: z.string().regex(/^[\w+-][\w.+-]*(\/[\w+-][\w.+-]*)*$/),
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  size: z.int().nonnegative(),
});
export type Part = z.infer<typeof part>;

export const assemblySchema = z.strictObject({
  /** Changes when documents can no longer be read as before. */
  format: z.literal(1),
  /** Version of Osmith. */
  osmith: z.string(),
  name: word,
  version: z.string(),
  attributes: z.record(z.string(), z.string().regex(/^[\w.+-]*$/)),
  /** Of the plan, where the configuration says it. */
  epoch: z.int().nonnegative().optional(),
  steps: z.array(step),
  /** By format. */
  outputs: z.record(z.string(), z.strictObject({ extension: word, from })),
  /** The volume with the configuration, where the system has one. */
  config: from.optional(),
  parts: z.array(part),
  /** What else is known of the steps that made the parts. */
  results: z.record(id, z.strictObject({ facts: z.record(z.string(), json), epoch: z.int().nonnegative() })),
  /** The disk that the build made of all this. */
  raw: z.strictObject({ digest: z.string(), size: z.int() }),
});
export type Assembly = z.infer<typeof assemblySchema>;

/** Something that is named and not there, if there is such a thing. */
function lacking({ steps, outputs, parts, results }: Assembly): string | undefined {
  const known = new Set(Object.keys(results));
  for (const { id: own, inputs } of steps) {
    const input = Object.values(inputs).find(({ step: from }) => !known.has(from));
    if (input !== undefined) return `${own} needs ${input.output} of ${input.step}`;
    known.add(own);
  }
  const made = new Set([...steps.map(({ id: own }) => own), ...parts.map(({ step: from }) => from)]);
  const output = Object.entries(outputs).find(([, { from: origin }]) => !made.has(origin.step));
  return output && `${output[0]} is made by ${output[1].from.step}`;
}

/** Throws E_IMAGE for what is no such document. */
export function parseAssembly(text: string, what: string): Assembly {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new OsmithError('E_IMAGE', `${what} is no JSON: ${(cause as Error).message}`, { cause });
  }
  const parsed = assemblySchema.safeParse(value);
  const missing = parsed.success ? lacking(parsed.data) : undefined;
  if (missing !== undefined)
    throw new OsmithError('E_IMAGE', `${what} is not whole: ${missing}, which is not there`, {
      hint: 'Get the image again from whoever made it',
    });
  if (parsed.success) return parsed.data;
  const { format, osmith } = value as { format?: unknown; osmith?: unknown };
  const { path, message } = parsed.error.issues[0]!;
  throw new OsmithError('E_IMAGE', `${what} cannot be used at ${path.join('.') || 'its root'}: ${message}`, {
    hint:
      format === 1
        ? `Use the Osmith that made it: ${String(osmith)}`
        : 'It was made by another generation of Osmith: use that',
  });
}
