/** Runs the few programs that an update needs. */
import { execFile } from 'node:child_process';
import { OsmithError } from '../errors.ts';

export interface ProgramResult {
  exit: number;
  stdout: string;
  stderr: string;
}

/** `input`: what it gets on its standard input. */
export type RunProgram = (
  argv: readonly string[],
  signal?: AbortSignal,
  input?: string,
) => Promise<ProgramResult>;

/** Never throws for a program that fails: its exit code says so; 127 when there is none of that name. */
export const runProgram: RunProgram = async ([program, ...args], signal, input) =>
  new Promise((resolve) => {
    const child = execFile(
      program!,
      args,
      { maxBuffer: 16 * 1024 * 1024, ...(signal ? { signal } : {}) },
      (error, stdout, stderr) => {
        const code = (error as { code?: unknown } | null)?.code;
        const exit = error === null ? 0 : typeof code === 'number' ? code : code === 'ENOENT' ? 127 : 128;
        resolve({ exit, stdout, stderr: stderr || (exit === 127 ? `there is no program ${program}` : '') });
      },
    );
    if (input === undefined) return;
    child.stdin?.on('error', () => {}); // one that does not read to the end says itself why
    child.stdin?.end(input);
  });

/** Runs a program that must succeed. */
export async function must(run: RunProgram, argv: readonly string[], input?: string): Promise<string> {
  const { exit, stdout, stderr } = await run(argv, undefined, input);
  if (exit === 0) return stdout;
  throw new OsmithError('E_TOOL', `${argv.join(' ')} ended with ${exit}: ${stderr.trim()}`);
}
