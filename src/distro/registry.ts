import { OsmithError } from '../errors.ts';
import type { Distro } from './types.ts';

const DISTROS = ['debian'];

/** The adapter of a distribution. */
export async function loadDistro(name: string): Promise<Distro> {
  if (!DISTROS.includes(name)) {
    throw new OsmithError('E_CONFIG', `Unknown distribution ${name}`, {
      hint: `Known: ${DISTROS.join(', ')}`,
    });
  }
  const module = (await import(`./${name}/index.ts`)) as { default: Distro };
  return module.default;
}
