/** An OCI image out of package files: one layer, its configuration and its manifest. */
import { copyFile, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { packageList } from '../../distro/types.ts';
import { OsmithError } from '../../errors.ts';
import { imageOutput } from '../../pkg/image-output.ts';
import { captureArguments } from '../../run/layer/commit.ts';
import { blobPath } from '../../run/store.ts';
import { defineStep } from '../types.ts';

const params = z.strictObject({
  /** For people. */
  name: z.string(),
  arch: z.string(),
  kernel: z.boolean(),
  exclude: z.array(z.string()),
  /** Inputs that go to /usr/lib/osmith. */
  programs: z.array(z.string()),
  /** JSON for the label `org.mobyproject.config`; empty: none. */
  config: z.string(),
});
type Params = z.infer<typeof params>;

/** What the script itself found wrong, as an error of its own. */
function packageError(error: unknown): unknown {
  if (!(error instanceof OsmithError)) return error;
  const said = error.details.tail?.at(-1)?.match(/^package: (.*)$/)?.[1];
  if (said === undefined) return error;
  return new OsmithError('E_PKG', said, {
    hint: 'docs/compose.md says what a kernel package has',
    cause: error,
  });
}

export default defineStep<Params>({
  kind: 'pkg-image',
  summary: ({ name, arch }) => `Make the image ${name} for ${arch}`,
  params,
  async run(context) {
    const { kernel, exclude, programs } = context.params;
    const list = packageList.parse(JSON.parse(await readFile(context.path('list'), 'utf8')));
    await copyFile(join(import.meta.dirname, 'unpack.sh'), join(context.work, 'unpack.sh'));
    const trees = { '/tree': { tree: { layers: [] }, writable: true } };
    const argv = ['sh', '/work/unpack.sh', '/tree', kernel ? 'kernel' : 'no', programs.join(' '), ...exclude];
    await context.exec({ argv, trees }).catch((error: unknown) => {
      throw packageError(error);
    });
    context.progress('storing the layer');
    await context.exec({
      argv: captureArguments('/tree', context.epoch),
      trees,
      stdout: { file: 'layer.tar' },
    });
    const image = await context.importTar('layer.tar');
    const digest = image.layers[0]!;
    const { size } = await stat(blobPath({ dir: context.store }, digest));
    const layer = { digest, size };
    const { name, arch, config } = context.params;
    const labels = config === '' ? {} : { 'org.mobyproject.config': config };
    const { sets, facts } = await imageOutput(context.work, { name, arch, layers: [layer], labels });
    const packages = list.packages.map(({ name, version, arch }) => ({ name, version, arch }));
    return { sets, files: { layer }, facts: { ...facts, packages } };
  },
});
