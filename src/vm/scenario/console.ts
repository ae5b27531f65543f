/** Steps about the console: what it shows, and what somebody enters there. */
import { z } from 'zod';
import { OsmithError } from '../../errors.ts';
import { consoleTail } from '../up.ts';
import { regularExpression } from './run.ts';
import { defineStepKind } from './types.ts';

/** Milliseconds for the rest of what a system says that has failed. */
const LAST_WORDS = 1000;

/** Waits for a text on the console; one that must not come ends that at once. */
export const console = defineStepKind({
  short: 'match',
  params: z.strictObject({
    match: regularExpression,
    not: regularExpression.optional(),
    /** Seconds. */
    within: z.number().positive().default(120),
  }),
  title: ({ match }) => `the console shows /${match}/`,
  run: async (context, { match, not, within }) => {
    const vm = context.vm();
    const { signal } = context;
    const pattern = new RegExp(not === undefined ? match : `(?<unwanted>${not})|${match}`, 'm');
    const result = await vm.serial.expect(pattern, { timeout: within * 1000, signal });
    const unwanted = result.type === 'found' ? result.value.groups?.['unwanted'] : undefined;
    if (result.type === 'found' && unwanted === undefined) return;
    if (unwanted !== undefined) await vm.serial.until(() => undefined, { timeout: LAST_WORDS, signal });
    const why = {
      found: `, but ${unwanted}`,
      closed: ' before the machine went off',
      timeout: ` within ${within} s`,
    };
    throw new OsmithError('E_TEST', `The console did not show /${match}/${why[result.type]}`, {
      tail: consoleTail(vm),
      log: vm.log,
    });
  },
});

/** Enters a line. */
export const enter = defineStepKind({
  short: 'line',
  params: z.strictObject({ line: z.coerce.string() }),
  title: ({ line }) => (line === '' ? 'Enter is pressed' : `"${line}" is entered`),
  run: (context, { line }) => Promise.resolve(context.vm().serial.send(`${line}\n`)),
});
