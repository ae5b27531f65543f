/** The step that pushes a pattern to the agent in the machine, and looks at what it answers. */
import { z } from 'zod';
import { now } from '../../env.ts';
import { OsmithError } from '../../errors.ts';
import { collect, render, signJwt, type Claims, type PatternFiles } from '../../pattern/index.ts';
import { forwardedPort } from '../qmp.ts';
import { AGENT_PORT } from './agent-config.ts';
import { scenarioRoot, workspacePath } from './paths.ts';
import { pushToken, type PushReply } from './push-client.ts';
import { regularExpression } from './run.ts';
import { defineStepKind, type Scenario } from './types.ts';

const HOUR = 3600;

/** How the token is made. */
const SIGNERS = {
  own: 'is pushed',
  stranger: 'of a stranger is pushed',
  expired: 'with an expired token is pushed',
} as const;

const params = z
  .strictObject({
    /** File of a pattern, relative to the workspace. */
    pattern: z.string().optional(),
    /** Or its commands. */
    commands: z.array(z.looseObject({ id: z.string() })).optional(),
    /** Variables for it. */
    vars: z.record(z.string(), z.json()).default({}),
    source: z.string().default('test'),
    /** The source keeps what it had. */
    once: z.boolean().default(false),
    signed: z.enum(Object.keys(SIGNERS) as [keyof typeof SIGNERS]).default('own'),
    /** HTTP status of the answer. */
    status: z.int().default(200),
    /** Ids of exactly the commands that must change something, or in check mode do not hold. */
    changed: z.array(z.string()).optional(),
    removed: z.array(z.string()).optional(),
    /** Must match what went wrong; absent: nothing may go wrong. */
    err: regularExpression.optional(),
    within: z.number().positive().default(300),
  })
  .refine(({ pattern, commands }) => (pattern === undefined) !== (commands === undefined), {
    message: 'must have either pattern or commands',
  });
type Push = z.infer<typeof params>;

function filesOf(scenario: Scenario, { pattern, commands }: Push): PatternFiles {
  if (pattern !== undefined) return collect(workspacePath(scenario, pattern), scenarioRoot(scenario));
  const entrypoint = 'commands.jsonnet';
  return { entrypoint, files: { [entrypoint]: JSON.stringify({ run: commands }) } };
}

function claims(files: PatternFiles, { vars, signed }: Push): Claims {
  const iat = Math.floor(now() / 1000) - (signed === 'expired' ? 2 * HOUR : 0);
  return { iat, nbf: iat - 300, exp: iat + HOUR, pattern: files, runVars: vars };
}

const list = (ids: readonly string[]) => (ids.length === 0 ? 'nothing' : ids.join(', '));

/** What is not as expected, in words; undefined if all is. */
export function pushMismatch(expected: Push, { status, answer }: PushReply): string | undefined {
  if (status !== expected.status) return `was answered with HTTP status ${status}, not ${expected.status}`;
  if (answer === undefined) return undefined;
  const { err } = answer;
  if (expected.err === undefined && err !== '') return `went wrong: ${err}`;
  if (expected.err !== undefined && !new RegExp(expected.err, 'm').test(err))
    return `was to fail with /${expected.err}/, and ${err === '' ? 'did not fail' : `failed: ${err}`}`;
  for (const field of ['changed', 'removed'] as const) {
    const wanted = expected[field];
    if (wanted === undefined || list(wanted.toSorted()) === list(answer[field].toSorted())) continue;
    return `${field} ${list(answer[field])}, where ${list(wanted)} was expected`;
  }
  return undefined;
}

export const push = defineStepKind({
  short: 'pattern',
  params,
  title: ({ pattern, signed }) => `${pattern ?? 'a pattern'} ${SIGNERS[signed]}`,
  goOn: true,
  needs: { network: true, agent: true },
  check: async (scenario, given) => void (await render(filesOf(scenario, given), given.vars)),
  run: async (context, given) => {
    const { own, stranger } = context.keys;
    const token = await signJwt(
      claims(filesOf(context.scenario, given), given),
      given.signed === 'stranger' ? stranger : own,
    );
    const { source, once, within } = given;
    const port = await forwardedPort(context.vm().qmp, AGENT_PORT);
    const reply = await pushToken(port, { token, source, once }, { seconds: within, signal: context.signal })
      // The agent says what it is missing only in its own log.
      .catch((cause: unknown) => {
        const why = (cause as Error).message;
        throw new OsmithError('E_TEST', `The agent did not answer within ${within} s: ${why}`, {
          cause,
          hint: `The image needs the agent, and its configuration the source ${source} with allowPush`,
          log: context.vm().log,
        });
      });
    const fault = pushMismatch(given, reply);
    if (fault === undefined) return;
    throw new OsmithError('E_TEST', `The push ${fault}`, { log: context.vm().log });
  },
});
