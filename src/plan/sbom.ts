/** Steps that list what is in a tree. */
import type { Output } from './package.ts';
import type { Step, StepInput } from './types.ts';

/** By the format that asks for it, which is also how the file's name ends. */
const LISTS = { 'spdx.json': 'spdx', 'cdx.json': 'cyclonedx', 'sources.csv': 'sources' };

export function sbomSteps(name: string, root: StepInput): { steps: Step[]; outputs: Map<string, Output> } {
  const lists = Object.entries(LISTS);
  const id = (format: string) => `manifest/${format}`;
  return {
    steps: lists.map(([, format]) => ({
      ...{ id: id(format), kind: 'sbom', stage: 'manifest' },
      params: { name, format },
      inputs: { root },
    })),
    outputs: new Map(
      lists.map(([extension, format]) => [
        extension,
        { extension, from: { step: id(format), output: 'file' } },
      ]),
    ),
  };
}
