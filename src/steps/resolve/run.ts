import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { loadDistro } from '../../distro/registry.ts';
import { source, type Resolution } from '../../distro/types.ts';
import { OsmithError } from '../../errors.ts';
import { defineStep, type StepContext } from '../types.ts';

const params = z.strictObject({ ...source, base: z.array(z.string()), extra: z.array(z.string()) });

type Params = z.infer<typeof params>;

/** With the input `system`: what that lacks. */
async function resolution(context: StepContext<Params>): Promise<Resolution> {
  const distro = await loadDistro(context.params.distro);
  if (!context.inputs.includes('system')) return distro.resolve(context);
  if (distro.resolveOn !== undefined) return distro.resolveOn(context, context.tree('system'));
  throw new OsmithError('E_CONFIG', `The tools cannot come from ${distro.title}`, {
    hint: 'Use debian or ubuntu as tools.distro',
  });
}

export default defineStep<Params>({
  kind: 'resolve',
  summary: ({ distro, suite, arch }) => `Find the packages of ${distro} ${suite} ${arch}`,
  params,
  async run(context) {
    const { base, extra, sources } = await resolution(context);
    await writeFile(join(context.work, 'base.json'), JSON.stringify(base));
    await writeFile(join(context.work, 'extra.json'), JSON.stringify(extra));
    await writeFile(join(context.work, 'sources'), sources);
    return { files: { base: 'base.json', extra: 'extra.json', sources: 'sources' } };
  },
});
