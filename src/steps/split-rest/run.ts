/** The tree of a system without the directories that are on its second disk, and with what mounts them. */
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { splitUnits } from '../../disk/split.ts';
import { readTar } from '../../disk/tar-reader.ts';
import { OsmithError } from '../../errors.ts';
import { DIRECTORY, encodeHeader, FILE, padded, SYMLINK, type Entry } from '../../run/layer/entry.ts';
import { defineStep, type StepContext } from '../types.ts';

const params = z.strictObject({
  /** As for the step that took them out. */
  root: z.string(),
  directories: z.array(z.string().startsWith('/var/')).min(1),
});
type Params = z.infer<typeof params>;

/** Hides all that lower layers have below a directory. */
const OPAQUE = '.wh..wh..opq';
const WANTS = 'local-fs.target.wants';

/** Where the deployment has its /etc. */
function settingsOf({ immutable }: { immutable?: unknown }): string {
  if (Array.isArray(immutable) && immutable.length === 1) return `${String(immutable[0]).slice(1)}/etc`;
  throw new OsmithError('E_INTERNAL', 'The tree to split is not that of one deployment');
}

async function layer(context: StepContext<Params>): Promise<Buffer> {
  const { root, directories } = context.params;
  const parts: Buffer[] = [];
  const owner = { uid: 0, gid: 0, mtime: context.epoch, link: '', major: 0, minor: 0 };
  const add = (given: Pick<Entry, 'path' | 'type' | 'mode'> & Partial<Entry>, text = '') => {
    const data = Buffer.from(text);
    const xattrs = new Map<string, Buffer>();
    parts.push(encodeHeader({ ...owner, xattrs, ...given, size: data.length }));
    parts.push(data, Buffer.alloc(padded(data.length) - data.length));
  };
  const emptied = new Set(directories.map((path) => `${root}${path}`));
  const select = (path: string) => emptied.has(path);
  for await (const { entry } of readTar(context.flatten(context.tree('base'), select))) {
    if (!select(entry.path)) continue;
    add(entry);
    add({ path: `${entry.path}/${OPAQUE}`, type: FILE, mode: 0o644 });
  }
  const units = `${settingsOf(context.facts('base'))}/systemd/system`;
  for (const path of [dirname(units), units, `${units}/${WANTS}`])
    add({ path, type: DIRECTORY, mode: 0o755 });
  const { uuid } = context.facts('extra') as { uuid: string };
  for (const [name, text] of splitUnits(uuid, directories)) {
    add({ path: `${units}/${name}`, type: FILE, mode: 0o644 }, text);
    add({ path: `${units}/${WANTS}/${name}`, type: SYMLINK, mode: 0o777, link: `../${name}` });
  }
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

export default defineStep<Params>({
  kind: 'split-rest',
  summary: ({ directories }) => `Leave ${directories.join(', ')} to the second disk`,
  params,
  async run(context) {
    await writeFile(join(context.work, 'rest.tar'), await layer(context));
    const { layers } = await context.importTar('rest.tar');
    const tree = { layers: [...context.tree('base').layers, ...layers] };
    return { trees: { tree }, facts: context.facts('base') };
  },
});
