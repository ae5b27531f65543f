/** What is in a tree, as a bill of materials or a list of sources: from what its package managers keep. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { readTar } from '../../disk/tar-reader.ts';
import { OsmithError } from '../../errors.ts';
import { broughtIn, COMPOSED_BILL } from '../../release/sbom/brought.ts';
import { cyclonedxBill } from '../../release/sbom/cyclonedx.ts';
import type { Installed } from '../../release/sbom/databases.ts';
import { formatSources, sourcesOf } from '../../release/sbom/sources.ts';
import { spdxBill } from '../../release/sbom/spdx.ts';
import { installedIn, tells } from '../../release/sbom/systems.ts';
import type { Brought } from '../../release/sbom/types.ts';
import { FILE } from '../../run/layer/entry.ts';
import { defineStep, type StepContext } from '../types.ts';

const params = z.strictObject({
  /** Of the system. */
  name: z.string(),
  format: z.enum(['spdx', 'cyclonedx', 'sources']),
});
type Params = z.infer<typeof params>;

interface Contents extends Installed {
  brought: Brought[];
}

async function contentsOf(context: StepContext<Params>): Promise<Contents> {
  const files = new Map<string, Buffer>();
  const tree = context.flatten(context.tree('root'), (path) => tells(path) || path === COMPOSED_BILL);
  for await (const { entry, body } of readTar(tree)) {
    if (entry.type !== FILE) continue;
    const parts: Buffer[] = [];
    for await (const part of body()) parts.push(part);
    files.set(entry.path, Buffer.concat(parts));
  }
  const found = installedIn(files);
  if (found.components.length === 0)
    throw new OsmithError('E_STEP', 'No package manager says what is in this system', {
      hint: 'Without such a list there is no bill of materials: take it out of image.formats',
    });
  const bill = files.get(COMPOSED_BILL);
  return { ...found, brought: bill === undefined ? [] : broughtIn(bill.toString('utf8'), found.components) };
}

function render({ format, name }: Params, contents: Contents, created: number): string {
  const { distribution, components, brought } = contents;
  if (format === 'sources') return formatSources(sourcesOf(components));
  const version = distribution?.version ?? '';
  const system = {
    name,
    version,
    purpose: 'OPERATING-SYSTEM' as const,
    prefix: '',
    distribution,
    components,
    brought,
  };
  const bill = { name, created, parts: [system] };
  return format === 'spdx' ? spdxBill(bill) : cyclonedxBill(bill);
}

export default defineStep<Params>({
  kind: 'sbom',
  summary: ({ format }) => (format === 'sources' ? 'List the sources' : `List what is in it (${format})`),
  params,
  async run(context) {
    const found = await contentsOf(context);
    await writeFile(join(context.work, 'list'), render(context.params, found, context.epoch));
    return { files: { file: 'list' }, facts: { components: found.components.length + found.brought.length } };
  },
});
