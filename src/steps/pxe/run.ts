/** Makes the archive of a TFTP directory from which machines start the system over the network. */
import { createReadStream, createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { pack, type Pack } from 'tar-stream';
import { z } from 'zod';
import { efiNames } from '../../disk/efi.ts';
import { menuChoices, netGrubConfig } from '../../disk/grub-config.ts';
import { grubDirectory } from '../../disk/grub-prefix.ts';
import { loaderNames } from '../../distro/types.ts';
import { defineStep, type StepContext } from '../types.ts';

/** The input `install`, where it is, is a second initrd. */
const params = z.strictObject({
  arch: z.enum(['amd64', 'arm64']),
  /** Kernel command line. */
  cmdline: z.string(),
  title: z.string(),
  choices: menuChoices,
  /** Directory in which the signed network GRUB looks for grub.cfg, from the TFTP root, unless it says another itself. */
  grubDir: z.string().default('grub'),
  names: loaderNames.optional(),
});

type Params = z.infer<typeof params>;

/** Archive member to a file on the host, or to its content. */
function members(
  context: StepContext<Params>,
  grubDir: string,
): [name: string, source: { file: string } | Buffer][] {
  const { arch, title, cmdline, choices, names: own } = context.params;
  const names = efiNames(arch, own);
  const file = (input: string) => ({ file: context.path(input) });
  const initrds = ['initrd', 'install'].filter((input) => context.inputs.includes(input));
  return [
    [names.removable.toLowerCase(), file('shim')],
    [names.grub, file('grubnet')],
    [`${grubDir}/grub.cfg`, Buffer.from(netGrubConfig({ title, cmdline, choices }, initrds))],
    ['vmlinuz', file('vmlinuz')],
    ...initrds.map((input): [string, { file: string }] => [input, file(input)]),
  ];
}

async function add(tar: Pack, name: string, source: { file: string } | Buffer, mtime: Date): Promise<void> {
  const size = Buffer.isBuffer(source) ? source.length : (await stat(source.file)).size;
  const entry = tar.entry({ name, size, mode: 0o644, mtime, uid: 0, gid: 0 });
  const content = Buffer.isBuffer(source) ? Readable.from([source]) : createReadStream(source.file);
  await pipeline(content, entry);
}

export default defineStep<Params>({
  kind: 'pxe',
  summary: ({ title }) => `Make the network boot archive of ${title}`,
  params,
  async run(context) {
    const tar = pack();
    const mtime = new Date(context.epoch * 1000);
    const written = pipeline(tar, createWriteStream(join(context.work, 'pxe.tar')));
    const grubDir = await grubDirectory(context, 'grubnet');
    tar.entry({ name: `${grubDir}/`, type: 'directory', mode: 0o755, mtime, uid: 0, gid: 0 });
    for (const [name, source] of members(context, grubDir)) await add(tar, name, source, mtime);
    tar.finalize();
    await written;
    return { files: { file: 'pxe.tar' } };
  },
});
