import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { loadDistro } from '../../distro/registry.ts';
import { source } from '../../distro/types.ts';
import { defineStep } from '../types.ts';

const params = z.strictObject({ distro: source.distro });

export default defineStep<z.infer<typeof params>>({
  kind: 'inventory',
  summary: () => 'List the installed packages',
  params,
  async run(context) {
    const distro = await loadDistro(context.params.distro);
    const packages = await distro.inventory(context, context.tree('root'));
    await writeFile(join(context.work, 'packages.json'), `${JSON.stringify(packages)}\n`);
    return { files: { packages: 'packages.json' } };
  },
});
