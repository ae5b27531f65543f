/**
 * Runs one hook of the workspace. What it changes, the tree or content, becomes a layer. Three kinds:
 * `chroot`: inside the tree; `executable`: beside it, with the tree at $OSMITH_TREE; `sourced`: the same, by bash with
 * the shell library.
 */
import { createReadStream } from 'node:fs';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { z } from 'zod';
import { isForeign } from '../../run/emulation.ts';
import { defineStep, type ExecOptions, type StepContext, type Tree } from '../types.ts';
import { hookFailure } from './failure.ts';
import { readFragments } from './fragments.ts';

const params = z.strictObject({
  group: z.string(),
  name: z.string(),
  type: z.enum(['chroot', 'executable', 'sourced']),
  /** Whether a `chroot` hook has its executable bit; else bash runs it. */
  executable: z.boolean(),
  arch: z.string(),
  /** What it changes. */
  writes: z.enum(['tree', 'content', 'nothing']),
  /** Whether it also gets what the Endless image builder gives its hooks. */
  eib: z.boolean().optional(),
  /** The configuration variables that the hook uses. */
  env: z.record(z.string(), z.string()),
});
type Params = z.infer<typeof params>;

/** Where the step's directories are, seen from inside the tree. */
const INSIDE = '/run/osmith';

const LIBRARIES = {
  source: join(import.meta.dirname, 'source.sh'),
  lib: join(import.meta.dirname, 'lib.sh'),
  eib: join(import.meta.dirname, 'eib.sh'),
};

function command({ type, executable, eib }: Params, inputs: string[]): { argv: string[]; chroot?: string } {
  if (type === 'chroot') {
    const hook = `${INSIDE}/in/hook`;
    return { argv: executable ? [hook] : ['bash', '-e', hook], chroot: '/tree' };
  }
  if (type === 'executable') return { argv: ['/in/hook'] };
  const own = inputs.includes('lib') ? ['/in/lib'] : [];
  const libraries = ['/work/lib/lib', ...(eib ? ['/work/lib/eib'] : []), ...own];
  return { argv: ['bash', '-eE', '/work/lib/source', ...libraries] };
}

function environment({ group, name, type, eib, env }: Params): Record<string, string> {
  const inside = type === 'chroot' ? INSIDE : '';
  const tree = type === 'chroot' ? '/' : '/tree';
  const at = (path: string) => `${inside}${path}`;
  const endless = {
    EIB_HOOK_GROUP: group,
    EIB_BASELIB: at('/work/lib/eib'),
    EIB_TMPDIR: at('/work/scratch'),
    EIB_CACHEDIR: at('/work/scratch'),
    EIB_CONTENTDIR: at('/work/content'),
    EIB_MANIFESTDIR: at('/work/manifest'),
    EIB_OUTDIR: at('/in/artifacts'),
    OSTREE_DEPLOYMENT: tree,
    OSTREE_CURRENT_DEPLOYMENT: tree,
    OSTREE_VAR: join(tree, 'var'),
  };
  return {
    // The root directory cannot be written to.
    ...(type === 'chroot' ? {} : { HOME: '/tmp' }),
    ...env,
    ...(eib ? endless : {}),
    OSMITH_HOOK_GROUP: group,
    OSMITH_HOOK: name,
    OSMITH_TREE: tree,
    OSMITH_DATA: at('/in/data'),
    OSMITH_PROGRAMS: at('/in/programs'),
    OSMITH_ARTIFACTS: at('/in/artifacts'),
    OSMITH_WORK: at('/work/scratch'),
    OSMITH_CONTENT: at('/work/content'),
    OSMITH_MANIFEST: at('/work/manifest'),
  };
}

/** The content of several hooks as one tree, the later over the earlier. */
function contentTree(context: StepContext<Params>): Tree {
  const trees = context.inputs
    .filter((name) => name.startsWith('content/'))
    .map((name) => context.tree(name));
  return { layers: [...new Set(trees.flatMap(({ layers }) => layers))] };
}

/** The trees that it sees: content in the work directory, so that it is there inside the tree too. */
function mounts(context: StepContext<Params>): NonNullable<ExecOptions['trees']> {
  const { writes } = context.params;
  const content = contentTree(context);
  return {
    ...(context.inputs.includes('base')
      ? { '/tree': { tree: context.tree('base'), writable: writes === 'tree' } }
      : {}),
    ...(content.layers.length > 0 || writes === 'content'
      ? { '/work/content': { tree: content, writable: writes === 'content' } }
      : {}),
  };
}

async function interpreter(file: string): Promise<string | undefined> {
  for await (const line of createInterface({ input: createReadStream(file, { end: 255 }) })) {
    return line.match(/^#!\s*(\S+)/)?.[1];
  }
  return undefined;
}

async function result(context: StepContext<Params>) {
  const { writes, group } = context.params;
  const fragments = await readFragments(join(context.work, 'manifest'));
  await writeFile(join(context.work, 'fragments.json'), JSON.stringify(fragments));
  const files = { fragments: 'fragments.json' };
  if (writes === 'tree') return { files, trees: { tree: await context.commit('/tree') } };
  if (writes === 'content') {
    const { layers } = await context.commit('/work/content');
    return { files, trees: { content: { layers: layers.slice(-1) } } };
  }
  await writeFile(join(context.work, 'done'), `${group}\n`);
  return { files: { ...files, done: 'done' } };
}

export default defineStep<Params>({
  kind: 'hook',
  summary: ({ name }) => `Run the hook ${name}`,
  params,
  async run(context) {
    const { type, arch } = context.params;
    // The directory of content is made by its mount: without one, nothing can be written there and get lost.
    for (const dir of ['scratch', 'manifest', 'lib']) await mkdir(join(context.work, dir));
    for (const [name, file] of Object.entries(LIBRARIES))
      await copyFile(file, join(context.work, 'lib', name));
    const options: ExecOptions = {
      ...command(context.params, context.inputs),
      ...(type === 'chroot' ? {} : { cwd: '/work/scratch' }),
      trees: mounts(context),
      env: environment(context.params),
      readOnly: true,
      ...(isForeign(arch) ? { arch } : {}),
    };
    try {
      await context.exec(options);
    } catch (error) {
      throw hookFailure(error, await interpreter(context.path('hook')));
    }
    return result(context);
  },
});
