/**
 * Runs one hook of the workspace on a tree; what it changes becomes a layer. Three kinds:
 * `chroot`: inside the tree; `executable`: beside it, with the tree at $OSMITH_TREE; `sourced`: the same, by bash with
 * the shell library.
 */
import { z } from 'zod';
import { isForeign } from '../../run/emulation.ts';
import { defineStep, type ExecOptions } from '../types.ts';

const params = z.strictObject({
  group: z.string(),
  name: z.string(),
  type: z.enum(['chroot', 'executable', 'sourced']),
  /** Whether a `chroot` hook has its executable bit; else bash runs it. */
  executable: z.boolean(),
  arch: z.string(),
  /** The configuration variables that the hook uses. */
  env: z.record(z.string(), z.string()),
});
type Params = z.infer<typeof params>;

/** Where the step's inputs are, seen from inside the tree. */
const INSIDE = '/run/osmith';

function command({ type, executable }: Params): { argv: string[]; chroot?: string } {
  if (type === 'chroot') {
    const hook = `${INSIDE}/in/hook`;
    return { argv: executable ? [hook] : ['bash', '-e', hook], chroot: '/tree' };
  }
  if (type === 'executable') return { argv: ['/in/hook'] };
  return { argv: ['bash', '-eE', '-c', '. /in/lib; . /in/hook'] };
}

export default defineStep<Params>({
  kind: 'hook',
  summary: ({ name }) => `Run the hook ${name}`,
  params,
  async run(context) {
    const { group, name, type, arch, env } = context.params;
    const inside = type === 'chroot' ? INSIDE : '';
    const options: ExecOptions = {
      ...command(context.params),
      trees: { '/tree': { tree: context.tree('base'), writable: true } },
      env: {
        ...env,
        OSMITH_HOOK_GROUP: group,
        OSMITH_HOOK: name,
        OSMITH_TREE: type === 'chroot' ? '/' : '/tree',
        OSMITH_DATA: `${inside}/in/data`,
        OSMITH_PROGRAMS: `${inside}/in/programs`,
        OSMITH_WORK: `${inside}/work`,
      },
      ...(isForeign(arch) ? { arch } : {}),
    };
    await context.exec(options);
    return { trees: { tree: await context.commit('/tree') } };
  },
});
