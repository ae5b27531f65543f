/** What artifacts are called. */
import type { Config } from '../config/index.ts';
import { OsmithError } from '../errors.ts';

/** Beside a build: what `osmith test` and `osmith vm` have of its machines. */
export const REPORTS = 'test';

/** First part of the artifacts' file names. */
function baseName(config: Config): string {
  const name = config.get('build', 'name');
  if (/^[\w+-][\w.+-]*$/.test(name)) return name;
  throw new OsmithError('E_CONFIG', `build.name is no good start of a file name: ${JSON.stringify(name)}`, {
    where: config.where('build', 'name'),
    hint: 'Use letters, digits and . _ + -',
  });
}

/** The stem of all artifact names. */
export function buildName(config: Config): string {
  return [baseName(config), config.attributes['branch'], config.attributes['arch']].join('_');
}
