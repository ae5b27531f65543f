/** Sizes that the configuration says, and limits on those of what is handed out: `image.limits`, words such as `iso:4G`. */
import type { Config } from '../config/index.ts';
import { parseSize } from '../config/values.ts';
import { OsmithError } from '../errors.ts';
import type { Json } from './types.ts';

/** The parameter `maxSize` of the step that makes a format, if there is a limit for it. */
export type LimitOf = (format: string) => Record<string, Json>;

/** `known` are the formats that can have a limit. */
export function limitsOf(config: Config, known: readonly string[]): LimitOf {
  const limits = new Map<string, number>();
  for (const word of config.list('image', 'limits')) {
    const [, format = '', text = ''] = /^(.+):([^:]+)$/.exec(word) ?? [];
    const size = parseSize(text);
    if (known.includes(format) && size !== undefined && size > 0) limits.set(format, size);
    else {
      const message = size === undefined || size <= 0 ? `${word} is no limit` : `${format} can have no limit`;
      throw new OsmithError('E_CONFIG', `image.limits: ${message}`, {
        where: config.where('image', 'limits'),
        hint: `Write FORMAT:SIZE, such as raw.xz:4G; formats: ${known.join(' ')}`,
      });
    }
  }
  return (format): Record<string, Json> => {
    const limit = limits.get(format);
    return limit === undefined ? {} : { maxSize: limit };
  };
}

/** A size option in bytes under the name of a step's parameter, if it has a value. Throws E_CONFIG below `least`. */
export function sizeParam(
  config: Config,
  option: string,
  param: string,
  section = 'image',
  least = 1,
): Record<string, number> {
  if (!config.find(section, option)?.trim()) return {};
  const size = config.size(section, option);
  if (size >= least) return { [param]: size };
  throw new OsmithError('E_CONFIG', `${section}.${option} cannot be 0`, {
    where: config.where(section, option),
    hint: 'Write a size such as 512M, or nothing for the default',
  });
}
