/** Steps that turn a raw disk into further formats, or take from it what starts it. */
import type { Config } from '../config/index.ts';
import { DISK_FORMATS } from '../disk/formats.ts';
import { roundUp, SECTOR } from '../disk/layout.ts';
import { sizeParam, type LimitOf } from './limits.ts';
import type { Output } from './outputs.ts';
import type { Json, Step, StepInput } from './types.ts';

export type MakeStep = (id: string, kind: string, params: Step['params'], inputs: Step['inputs']) => Step;

const CONVERTED = Object.keys(DISK_FORMATS);

/** A second disk is no machine. */
const CONVERTED2 = CONVERTED.filter((format) => !['ova', 'ovf.zip'].includes(format));

const SECOND = 'disk2.';

/** Formats that can have a limit of their own. */
export const LIMITED = [...CONVERTED, 'iso', `${SECOND}raw`, ...CONVERTED2.map((format) => SECOND + format)];

interface Formats {
  steps: Step[];
  outputs: [string, Output][];
}

export interface FormatsRequest {
  config: Config;
  /** First part of the artifacts' names. */
  name: string;
  step: MakeStep;
  raw: StepInput;
  limit: LimitOf;
}

/** One step for each format; `prefix` tells whose it is. */
function conversions(
  { config, name: machine, step, raw, limit }: FormatsRequest,
  formats: readonly string[],
  prefix: string,
  more: Record<string, Json>,
): Formats {
  const about = {
    ...{ name: machine, title: config.get('image', 'title') },
    ...{ cpus: config.int('vm', 'cpus'), memory: config.size('vm', 'memory'), ...more },
  };
  const made = formats.map((format) => {
    const params = format.startsWith('raw.') ? { format } : { format, ...about };
    const name = prefix + format;
    return { format, name, step: step(name, 'convert', { ...params, ...limit(name) }, { raw }) };
  });
  const outputs = made.map(({ format, name, step: { id } }): [string, Output] => {
    // Nobody unpacks Google's archive: it has a name inside that is not ours.
    const unpacked = format === 'gce.tar.gz' ? {} : { unpacked: raw };
    return [name, { extension: name, from: { step: id, output: 'file' }, ...unpacked }];
  });
  return { steps: made.map((each) => each.step), outputs };
}

export function diskFormats(request: FormatsRequest): Formats {
  const { config, step, raw } = request;
  const extraSpace = roundUp(config.size('image', 'extra_space'), SECTOR);
  const more = { extraSpace, ...sizeParam(config, 'disk_size', 'diskSize') };
  const { steps, outputs } = conversions(request, CONVERTED, '', more);
  const loaders = step('boot-zip', 'boot-zip', {}, { raw });
  const bootZip: Output = { extension: 'boot.zip', from: { step: loaders.id, output: 'file' } };
  return { steps: [...steps, loaders], outputs: [...outputs, ['boot.zip', bootZip]] };
}

/** Of the second disk of a system that has two: it does not grow. */
export function disk2Formats(request: FormatsRequest): Formats {
  return conversions({ ...request, name: `${request.name}.disk2` }, CONVERTED2, SECOND, {});
}
