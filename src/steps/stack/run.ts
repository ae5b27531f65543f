/** Puts a tree on another. Nothing is copied: the layers of both are those of the result. */
import { z } from 'zod';
import { defineStep } from '../types.ts';

const params = z.strictObject({
  /** What is put on it, for people. */
  what: z.string(),
});

export default defineStep<z.infer<typeof params>>({
  kind: 'stack',
  summary: ({ what }) => `Add ${what} to the tree`,
  params,
  run(context) {
    const layers = [...context.tree('base').layers, ...context.tree('top').layers];
    return Promise.resolve({ trees: { tree: { layers } }, facts: context.facts('base') });
  },
});
