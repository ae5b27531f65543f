/** Runs of dpkg: it goes on when a script has failed, and much is printed after what it said of that. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OsmithError } from '../../errors.ts';
import type { ExecOptions, StepContext } from '../../steps/types.ts';
import { withTail } from '../tool-error.ts';

/** What a script said last, and what dpkg says of it. */
const LINES = 6;

/** Words are the file and the program with its arguments. Pipes of sh(1) hide how a program ended. */
const TEE = `said=$1
shift
{ "$@" 2>&1; echo $? > "$said.code"; } | tee "$said"
exit "$(cat "$said.code")"
`;

/**
 * Runs a program in which dpkg runs; `inside`: the work directory, as the program sees it. The error has what dpkg said of
 * the first script that failed.
 */
export async function execTelling(
  context: StepContext<unknown>,
  { argv, ...options }: ExecOptions,
  inside: string,
): Promise<void> {
  const telling = ['sh', '-c', TEE, 'sh', `${inside}/said`, ...argv];
  try {
    await context.exec({ argv: telling, ...options });
  } catch (error) {
    if (!(error instanceof OsmithError)) throw error;
    const said = await readFile(join(context.work, 'said'), 'utf8').catch(() => '');
    const lines = said.split('\n');
    const at = lines.findIndex((line) => line.includes('script subprocess'));
    const named = new OsmithError(error.code, error.message.replace(/^sh /, `${argv[0]} `), error.details);
    if (at < 0 || error.details.tail?.includes(lines[at]!)) throw named;
    throw withTail(named, lines.slice(Math.max(0, at + 1 - LINES), at + 1));
  }
}
