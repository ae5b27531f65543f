import { OsmithError } from '../errors.ts';
import { DISTROS } from './data.ts';
import type { Distro } from './types.ts';

/** The adapter of a distribution. */
export async function loadDistro(name: string): Promise<Distro> {
  if (!Object.hasOwn(DISTROS, name)) {
    throw new OsmithError('E_CONFIG', `Unknown distribution ${name}`, {
      hint: `Known: ${Object.keys(DISTROS).join(', ')}`,
    });
  }
  const module = (await import(`./${name}/index.ts`)) as { default: Distro };
  return module.default;
}
