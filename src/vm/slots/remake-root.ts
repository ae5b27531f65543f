/** Makes another root image of one: unpacked, changed, packed again, all in the memory of a sandbox. */
import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileSystemAt } from '../../diff/sniff.ts';
import { unpackArgv } from '../../diff/unpack.ts';
import { OsmithError } from '../../errors.ts';
import { shellQuote } from '../guest.ts';
import { runTool, type Tools } from '../tools.ts';

const ROOT = '/tmp/root';

/** Fast rather than small. Machines know a root image by what is in it, whatever it was before. */
const PACK = ['mksquashfs', ROOT, '-noappend', '-quiet', '-no-progress', '-no-xattrs', '-comp', 'lz4'];

/** `script` is for sh, in the root directory. */
export async function remakeRoot(tools: Tools, file: string, script: string): Promise<void> {
  const handle = await open(file);
  const kind = await fileSystemAt(handle, 0).finally(() => handle.close());
  if (kind === undefined || kind === 'fat')
    throw new OsmithError('E_TEST', `${file} is not a root file system that can be changed`);
  const target = `${file}.new`;
  const commands = [
    'set -e',
    `mkdir ${ROOT}`,
    // Devices cannot be made here; a machine makes its own.
    `${unpackArgv(kind, file, 0, ROOT, ['dev/*']).map(shellQuote).join(' ')} > /dev/null`,
    `cd ${ROOT}`,
    script,
    [PACK[0]!, ROOT, target, ...PACK.slice(2)].map(shellQuote).join(' '),
  ];
  await runTool(tools, ['sh', '-c', commands.join('\n')], { write: [dirname(file)] });
  await rename(target, file);
}
