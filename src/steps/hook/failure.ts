/** The failure of a hook in words that help who wrote it. */
import { OsmithError } from '../../errors.ts';

const SIGNALS: Record<number, string> = {
  6: 'SIGABRT',
  9: 'SIGKILL',
  11: 'SIGSEGV',
  13: 'SIGPIPE',
  15: 'SIGTERM',
};

function howItEnded(code: number, interpreter: string | undefined): { what: string; hint?: string } {
  if ((code === 126 || code === 127) && interpreter !== undefined) {
    return {
      what: `could not be run, or a program it calls: exit code ${code}`,
      hint: `Is ${interpreter} installed? A hook in the tree uses the tree's programs, others those of tools.packages`,
    };
  }
  if (code === 127) return { what: 'called a program that is not there: exit code 127' };
  const signal = code > 128 ? (SIGNALS[code - 128] ?? `signal ${code - 128}`) : undefined;
  if (signal === undefined) return { what: `ended with exit code ${code}` };
  return {
    what: `was killed by ${signal}`,
    ...(code === 137 ? { hint: 'Perhaps the machine was out of memory' } : {}),
  };
}

/** An error of running a hook; only the exit code of the hook itself is told anew. */
export function hookFailure(error: unknown, interpreter: string | undefined): unknown {
  if (!(error instanceof OsmithError) || error.code !== 'E_TOOL') return error;
  const { exitCode: code = 1, tail = [] } = error.details;
  const { what, hint } = howItEnded(code, interpreter);
  const readOnly = tail.some((line) => /Read-only file system|EROFS/.test(line));
  return new OsmithError('E_HOOK', `the hook ${what}`, {
    ...error.details,
    hint: readOnly
      ? 'A hook may write to what its group changes, to $OSMITH_WORK, $OSMITH_MANIFEST and /tmp only'
      : hint,
  });
}
