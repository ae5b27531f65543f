/** Makes another root image of one: unpacked, changed, packed again, all in the memory of a sandbox. */
import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileSystemAt } from '../../diff/sniff.ts';
import { unpackArgv } from '../../diff/unpack.ts';
import { OsmithError } from '../../errors.ts';
import { shellQuote } from '../guest.ts';
import { runTool, type Tools } from '../tools.ts';

/** Machines know a root image by what is in it, whatever it was before. */
const FAST = ['-comp', 'lz4'];

/**
 * Options of mksquashfs, for an image of which `unsquashfs -s` says this: packed in another way, nothing in the new one
 * would be the same, and updates would have to download all of it.
 */
export function packedAs(superblock: string): string[] {
  const said = (pattern: RegExp) => pattern.exec(superblock)?.[1];
  const compression = said(/^Compression (\S+)$/m);
  const block = said(/^Block size (\d+)$/m);
  if (compression === undefined || block === undefined)
    throw new OsmithError('E_INTERNAL', 'What unsquashfs says of an image is not understood', {
      tail: superblock.split('\n'),
    });
  const level = said(/^\s+compression-level (\d+)$/m);
  const high = compression === 'lz4' && superblock.includes('-Xhc');
  return [
    ...['-comp', compression, '-b', block],
    ...(level === undefined ? [] : ['-Xcompression-level', level]),
    ...(high ? ['-Xhc'] : []),
  ];
}

/** `script` is for sh, in the root directory. */
export async function remakeRoot(tools: Tools, file: string, script: string): Promise<void> {
  const handle = await open(file);
  const kind = await fileSystemAt(handle, 0).finally(() => handle.close());
  if (kind === undefined || kind === 'fat')
    throw new OsmithError('E_TEST', `${file} is not a root file system that can be changed`);
  const packing =
    kind === 'squashfs' ? packedAs(await runTool(tools, ['unsquashfs', '-s', file], { read: [file] })) : FAST;
  const target = `${file}.new`;
  const root = '/tmp/root';
  const pack = ['mksquashfs', root, target, '-noappend', '-quiet', '-no-progress', '-no-xattrs', ...packing];
  const quoted = (argv: string[]) => argv.map(shellQuote).join(' ');
  const commands = [
    'set -e',
    `mkdir ${root}`,
    // Devices cannot be made here; a machine makes its own.
    `${quoted(unpackArgv(kind, file, 0, root, ['dev/*']))} > /dev/null`,
    `cd ${root}`,
    script,
    quoted(pack),
  ];
  await runTool(tools, ['sh', '-c', commands.join('\n')], { write: [dirname(file)] });
  await rename(target, file);
}
