/** The step that runs a command in the guest and looks at what it says. */
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { now } from '../../env.ts';
import { OsmithError } from '../../errors.ts';
import { defineStepKind, type CommandContext } from './types.ts';

/** A regular expression; lines are matched one by one by `^` and `$`. */
export const regularExpression = z.string().refine((text) => {
  try {
    return new RegExp(text, 'm') instanceof RegExp;
  } catch {
    return false;
  }
}, 'is not a regular expression');

const params = z.strictObject({
  /** For sh. */
  command: z.string().min(1),
  /** The exit code that it must have. */
  exit: z.union([z.int().min(0).max(255), z.literal('any')]).default(0),
  /** Must match its output, which is standard output and error. */
  match: regularExpression.optional(),
  /** Must not match its output. */
  not: regularExpression.optional(),
  /** Seconds. */
  within: z.number().positive().default(120),
  /** Runs it again and again until all is as expected. */
  repeat: z.boolean().default(false),
});

type Expected = z.infer<typeof params>;

export interface Observed {
  exitCode: number;
  output: string;
  timedOut: boolean;
}

/** What is not as expected, in words; undefined if all is. */
export function mismatch(expected: Expected, observed: Observed): string | undefined {
  const { exitCode, output, timedOut } = observed;
  if (timedOut) return `did not end within ${expected.within} s`;
  if (expected.exit !== 'any' && exitCode !== expected.exit) {
    return `ended with exit code ${exitCode}, not ${expected.exit}`;
  }
  if (expected.match !== undefined && !new RegExp(expected.match, 'm').test(output)) {
    return `${output === '' ? 'said nothing' : 'said something else'} where /${expected.match}/ was expected`;
  }
  if (expected.not !== undefined) {
    const found = new RegExp(expected.not, 'm').exec(output);
    if (found !== null) return `said ${JSON.stringify(found[0].trim())}, which it must not`;
  }
  return undefined;
}

/** Milliseconds between two runs of a command that is repeated. */
const PAUSE = 2000;

/** Runs the command until all is as expected, or once. */
async function observe(context: CommandContext, expected: Expected): Promise<void> {
  const guest = await context.guest();
  const end = now() + expected.within * 1000;
  const attempt = async () => guest.run(expected.command, Math.max(1, (end - now()) / 1000));
  let observed = await attempt();
  let fault = mismatch(expected, observed);
  while (expected.repeat && fault !== undefined && now() + PAUSE < end) {
    await sleep(PAUSE, undefined, { signal: context.signal });
    observed = await attempt();
    fault = mismatch(expected, observed);
  }
  if (fault === undefined) return;
  throw new OsmithError('E_TEST', `\`${expected.command.trim().split('\n')[0]}\` ${fault}`, {
    tail: observed.output.split('\n').slice(-15),
    log: context.log(),
  });
}

export const run = defineStepKind({
  short: 'command',
  params,
  title: ({ command }) => command.trim().split('\n')[0]!,
  goOn: true,
  run: observe,
  inContainer: observe,
});
