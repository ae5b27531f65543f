/** Runs programs of the tools tree for what they print, as text or as a stream. */
import { text } from 'node:stream/consumers';
import { OsmithError } from '../errors.ts';
import type { ToolOptions, Tools } from '../vm/tools.ts';

function failed(argv: readonly string[], code: number, stderr: string): OsmithError {
  return new OsmithError('E_TOOL', `${argv[0]} failed with exit code ${code}`, {
    tail: stderr.trimEnd().split('\n').slice(-10),
  });
}

/** Both outputs of a program that ends well. */
export async function runQuiet(
  tools: Tools,
  argv: readonly string[],
  options: ToolOptions = {},
): Promise<{ stdout: string; stderr: string }> {
  const { child, exit } = await tools.start(argv, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr, code] = await Promise.all([text(child.stdout!), text(child.stderr!), exit]);
  if (code !== 0) throw failed(argv, code, stderr);
  return { stdout, stderr };
}

/** Standard output as it comes; the end of it throws if the program failed. Who stops reading ends the program. */
export async function outputOf(
  tools: Tools,
  argv: readonly string[],
  { input, ...options }: ToolOptions & { input?: Buffer } = {},
): Promise<AsyncIterable<Buffer>> {
  const { child, exit, kill } = await tools.start(argv, { ...options, stdio: ['pipe', 'pipe', 'pipe'] });
  const said = text(child.stderr!);
  // A program that ends early closes its input.
  child.stdin!.on('error', () => {});
  child.stdin!.end(input);
  return (async function* () {
    let ended = false;
    try {
      yield* child.stdout! as AsyncIterable<Buffer>;
      ended = true;
      const code = await exit;
      if (code !== 0) throw failed(argv, code, await said);
    } finally {
      if (!ended) kill();
    }
  })();
}
