/** The plan of a composition: its tar, and what is made of that. */
import type { Item } from '../compose/items.ts';
import { MADE_TIME } from '../compose/image-files.ts';
import { OsmithError } from '../errors.ts';
import type { Artifact, Json, Plan, Step, StepInput } from './types.ts';

/** Formats with the files that each makes: what comes behind the name, and the output it is. */
const FORMATS: Record<string, { suffix: string; from: StepInput }[]> = {
  tar: [{ suffix: '.tar', from: { step: 'compose/system', output: 'tar' } }],
  docker: [{ suffix: '.docker', from: { step: 'compose/docker', output: 'tar' } }],
  'kernel+initrd': [
    { suffix: '-kernel', from: { step: 'compose/boot', output: 'kernel' } },
    { suffix: '-initrd.img', from: { step: 'compose/boot', output: 'initrd' } },
    { suffix: '-cmdline', from: { step: 'compose/boot', output: 'cmdline' } },
  ],
};

/** One file that can be written to where somebody reads it. */
export const STREAMABLE = ['tar', 'docker'];

/** Throws E_USAGE for a format that there is not. */
export function checkFormats(formats: readonly string[]): void {
  const unknown = formats.find((format) => !Object.hasOwn(FORMATS, format));
  if (unknown === undefined) return;
  throw new OsmithError('E_USAGE', `unknown format type ${unknown}`, {
    hint: `Known: ${Object.keys(FORMATS).join(', ')}`,
  });
}

/** The artifacts' names begin with `name`. */
export function composePlan(items: readonly Item[], formats: readonly string[], name: string): Plan {
  const step = (id: string, kind: string, params: Step['params'], inputs: Step['inputs'] = {}): Step => {
    return { id: `compose/${id}`, kind, stage: 'compose', params, inputs };
  };
  const json = (list: readonly Item[]) => list as unknown as Json;
  const all = [
    step('system', 'compose', { items: json(items) }),
    step('docker', 'compose', { items: json([...items, { kind: 'dockerfile' }]) }),
    step('boot', 'compose-boot', {}, { tar: { step: 'compose/system', output: 'tar' } }),
  ];
  const artifacts = formats.flatMap((format) =>
    FORMATS[format]!.map(({ suffix, from }): Artifact => ({ name: `${name}${suffix}`, ...from })),
  );
  const wanted = new Set(artifacts.map((artifact) => artifact.step));
  if (wanted.has('compose/boot')) wanted.add('compose/system');
  return {
    name: `compose-${name}`,
    epoch: MADE_TIME,
    steps: all.filter(({ id }) => wanted.has(id)),
    artifacts,
  };
}
