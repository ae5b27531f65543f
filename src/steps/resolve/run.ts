import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { loadDistro } from '../../distro/registry.ts';
import { source } from '../../distro/types.ts';
import { defineStep } from '../types.ts';

const params = z.strictObject({ ...source, base: z.array(z.string()), extra: z.array(z.string()) });

export default defineStep<z.infer<typeof params>>({
  kind: 'resolve',
  summary: ({ distro, suite, arch }) => `Find the packages of ${distro} ${suite} ${arch}`,
  params,
  async run(context) {
    const distro = await loadDistro(context.params.distro);
    const { base, extra, sources } = await distro.resolve(context);
    await writeFile(join(context.work, 'base.json'), JSON.stringify(base));
    await writeFile(join(context.work, 'extra.json'), JSON.stringify(extra));
    await writeFile(join(context.work, 'sources'), sources);
    return { files: { base: 'base.json', extra: 'extra.json', sources: 'sources' } };
  },
});
