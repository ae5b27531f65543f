import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { loadDistro } from '../../distro/registry.ts';
import { packageList, source, unpacking } from '../../distro/types.ts';
import { defineStep } from '../types.ts';

const params = z.strictObject({ ...source, ...unpacking, packages: z.array(z.string()) });

export default defineStep<z.infer<typeof params>>({
  kind: 'install',
  summary: ({ packages }) => `Install ${packages.length} packages and what they need`,
  params,
  async run(context) {
    const distro = await loadDistro(context.params.distro);
    const list = packageList.parse(JSON.parse(await readFile(context.path('list'), 'utf8')));
    const base = context.tree('base');
    // Such as the packages of a container: what was named for all products is taken away for this one.
    if (list.packages.length === 0) return { trees: { tree: base } };
    await distro.install(context, list, base);
    context.progress('storing the layer');
    return { trees: { tree: await context.commit('/tree') } };
  },
});
