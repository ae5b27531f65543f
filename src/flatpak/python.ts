/** Runs the programs of this directory that use Flatpak's own library. */
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OsmithError } from '../errors.ts';
import type { ExecOptions, ExecResult, StepContext } from '../steps/types.ts';

/** Debian's own: another one on the host would not find the bindings. */
const PYTHON = '/usr/bin/python3';

/** `program` is the path of the source. */
export async function runPython(
  context: StepContext<unknown>,
  program: string,
  args: readonly string[],
  options: Omit<ExecOptions, 'argv'> = {},
): Promise<ExecResult> {
  await copyFile(program, join(context.work, 'program.py'));
  try {
    return await context.exec({ ...options, argv: [PYTHON, 'program.py', ...args] });
  } catch (error) {
    if (!(error instanceof OsmithError) || error.code !== 'E_TOOL') throw error;
    if (!/Namespace \S+ not available|No module named 'gi'/.test(error.details.tail?.join('\n') ?? ''))
      throw error;
    throw new OsmithError('E_HOST', 'There are no Python bindings of Flatpak among the tools', {
      hint: 'Install python3-gi, gir1.2-flatpak-1.0 and gir1.2-ostree-1.0 on this machine, or set tools.mode = tree',
    });
  }
}
