import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { loadDistro } from '../../distro/registry.ts';
import { packageList, source, unpacking } from '../../distro/types.ts';
import { defineStep } from '../types.ts';

const params = z.strictObject({ ...source, ...unpacking, include: z.array(z.string()) });

export default defineStep<z.infer<typeof params>>({
  kind: 'bootstrap',
  summary: ({ distro, suite, arch }) => `Bootstrap ${distro} ${suite} ${arch}`,
  params,
  async run(context) {
    const distro = await loadDistro(context.params.distro);
    const list = packageList.parse(JSON.parse(await readFile(context.path('list'), 'utf8')));
    return { trees: { tree: await distro.bootstrap(context, list) } };
  },
});
