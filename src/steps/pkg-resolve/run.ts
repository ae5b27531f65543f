/** Which of a distribution's package files an image of them holds. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { nearest } from '../../config/nearest.ts';
import { loadDistro } from '../../distro/registry.ts';
import { source, type PackageList } from '../../distro/types.ts';
import { OsmithError } from '../../errors.ts';
import { defineStep } from '../types.ts';

const params = z.strictObject({
  ...source,
  packages: z.array(z.string()),
  /** Patterns of package names: only these of what is needed; all but those. */
  only: z.array(z.string()),
  without: z.array(z.string()),
});

function matcher(pattern: string): RegExp {
  return new RegExp(`^${pattern.replaceAll(/[.+]/g, '\\$&').replaceAll('*', '.*')}$`);
}

/** Throws E_PACKAGE_MISSING for a pattern that nothing matches: it is a misspelt one. */
export function choosePackages(list: PackageList, only: string[], without: string[]): PackageList {
  const names = list.packages.map(({ name }) => name);
  for (const pattern of [...only, ...without]) {
    if (names.some((name) => matcher(pattern).test(name))) continue;
    const meant = nearest(pattern, names);
    throw new OsmithError('E_PACKAGE_MISSING', `None of the packages is called ${pattern}`, {
      hint: `${meant === undefined ? '' : `Did you mean ${meant}? `}There are ${names.join(' ')}`,
    });
  }
  const isChosen = (name: string) =>
    (only.length === 0 || only.some((pattern) => matcher(pattern).test(name))) &&
    !without.some((pattern) => matcher(pattern).test(name));
  return { ...list, packages: list.packages.filter(({ name }) => isChosen(name)) };
}

export default defineStep<z.infer<typeof params>>({
  kind: 'pkg-resolve',
  summary: ({ distro, suite, arch, packages }) => `Find ${packages.join(', ')} of ${distro} ${suite} ${arch}`,
  params,
  async run(context) {
    const { packages, only, without, ...from } = context.params;
    const distro = await loadDistro(from.distro);
    const request = { ...from, base: packages, extra: [], bare: true };
    const { base } = await distro.resolve({ ...context, params: request });
    const list = choosePackages(base, only, without);
    await writeFile(join(context.work, 'list.json'), JSON.stringify(list));
    return { files: { list: 'list.json' } };
  },
});
