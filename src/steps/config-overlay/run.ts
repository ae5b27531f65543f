/** Lays files over those of a configuration volume, and sees to it that the machine has a serial number. */
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { directoriesOf, mmdArgv, mtoolsEnv, overwriteArgv, readArgv } from '../../disk/mtools.ts';
import { OsmithError } from '../../errors.ts';
import { defineStep, type StepContext } from '../types.ts';
import { SERIAL } from './serial.ts';

const params = z.strictObject({
  /** Path on the volume to the input that has the content. */
  files: z.record(z.string(), z.string()),
  /** What the machine is called that starts with it: unless it has a name, or whatever name it has. */
  serial: z.strictObject({ value: z.string().regex(SERIAL), replace: z.boolean() }).optional(),
});

type Context = StepContext<z.infer<typeof params>>;

const IMAGE = 'config.img';
/** Where the system looks for it; EVE's name. */
const FILE = 'soft_serial';

async function put(context: Context, source: string, target: string): Promise<void> {
  const { exitCode } = await context.exec({
    ...{ argv: overwriteArgv(IMAGE, source, target), env: mtoolsEnv(context.epoch), okCodes: [0, 1] },
  });
  if (exitCode === 0) return;
  throw new OsmithError('E_TOO_LARGE', `${target} has no place on the configuration volume`, {
    hint: 'Take files away, or give it another name if a directory is called so',
  });
}

async function serialOf(context: Context): Promise<string | undefined> {
  const argv = readArgv(IMAGE, FILE, 'serial');
  const { exitCode } = await context.exec({ argv, env: mtoolsEnv(context.epoch), okCodes: [0, 1] });
  if (exitCode !== 0) return undefined;
  return (await readFile(join(context.work, 'serial'), 'utf8')).trim() || undefined;
}

export default defineStep<z.infer<typeof params>>({
  kind: 'config-overlay',
  summary: ({ files }) => `Lay ${Object.keys(files).length} files over the configuration`,
  params,
  async run(context) {
    const { files, serial: wanted } = context.params;
    const path = (file: string) => join(context.work, file);
    await copyFile(context.path('image'), path(IMAGE));
    for (const directory of directoriesOf(Object.keys(files)))
      await context.exec({
        argv: mmdArgv(IMAGE, [directory], 's'),
        env: mtoolsEnv(context.epoch),
        okCodes: [0, 1],
      });
    for (const [index, [target, input]] of Object.entries(files).entries()) {
      await copyFile(context.path(input), path(`file-${index}`));
      await put(context, `file-${index}`, target);
    }
    const known = await serialOf(context);
    const serial = wanted?.replace === true ? wanted.value : (known ?? wanted?.value);
    if (serial !== undefined && serial !== known) {
      await writeFile(path('new-serial'), `${serial}\n`);
      await put(context, 'new-serial', FILE);
    }
    return { files: { image: IMAGE }, facts: { serial: serial ?? null } };
  },
});
