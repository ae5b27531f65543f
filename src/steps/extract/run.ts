/** Copies named files out of a tree. */
import { copyFile, mkdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { pathMatcher } from '../../disk/path-pattern.ts';
import { copyFiles, findFiles, type TreeFile } from '../../disk/tree-files.ts';
import { OsmithError } from '../../errors.ts';
import type { Json } from '../../plan/types.ts';
import { defineStep } from '../types.ts';

const params = z.strictObject({
  /** Output name to the one file that matches a pattern, such as `boot/vmlinuz-*`. */
  files: z.record(z.string().regex(/^[\w.-]+$/), z.string().min(1)),
  /** Output name to patterns of files that are handed out under their names; each pattern matches at least one. */
  sets: z.record(z.string().regex(/^[\w.-]+$/), z.array(z.string().min(1))).default({}),
});

/** At least one file. */
function matching(output: string, pattern: string, files: readonly TreeFile[]): TreeFile[] {
  const matches = pathMatcher([pattern]);
  const found = files.filter(({ path }) => matches(path));
  if (found.length > 0) return found;
  throw new OsmithError('E_STEP', `The tree has no file /${pattern} (for ${output})`, {
    hint: 'Add the package that contains it',
  });
}

/** The one file that matches. */
function only(output: string, pattern: string, files: readonly TreeFile[]): TreeFile {
  const found = matching(output, pattern, files);
  if (found.length === 1) return found[0]!;
  const names = found.map(({ path }) => `/${path}`).join(', ');
  throw new OsmithError('E_STEP', `Several files match /${pattern} (for ${output}): ${names}`, {
    hint: 'Remove all but one, such as an older kernel package',
  });
}

interface Member {
  name: string;
  /** Its copy below the work directory. */
  copy: string;
  file: TreeFile;
}

function members(set: string, patterns: readonly string[], files: readonly TreeFile[]): Member[] {
  const found = patterns
    .flatMap((pattern) => matching(set, pattern, files))
    .map((file): Member => ({ name: basename(file.path), copy: `${set}/${basename(file.path)}`, file }));
  const names = found.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice === undefined) return found;
  throw new OsmithError('E_STEP', `The tree has several files ${twice} (for ${set})`, {
    hint: 'Remove all but one, such as that of an older kernel package',
  });
}

/** `6.12.1-amd64` of `boot/vmlinuz-6.12.1-amd64`. */
function kernelVersion(path: string): string | undefined {
  return /(?:^|\/)vmlinuz-([^/]+)$/.exec(path)?.[1];
}

export default defineStep<z.infer<typeof params>>({
  kind: 'extract',
  summary: ({ files, sets }) =>
    `Copy ${[...Object.keys(files), ...Object.keys(sets)].join(', ')} out of the tree`,
  params,
  async run(context) {
    const { files, sets } = context.params;
    const tree = context.tree('root');
    const patterns = [...Object.values(files), ...Object.values(sets).flat()];
    const all = await findFiles(context, tree, pathMatcher(patterns));
    const chosen = Object.entries(files).map(([output, pattern]) => ({
      output,
      file: only(output, pattern, all),
    }));
    const taken = Object.entries(sets).map(([set, each]) => ({ set, inside: members(set, each, all) }));
    const wanted = [
      ...chosen.map(({ output, file }) => ({ copy: output, file })),
      ...taken.flatMap(({ inside }) => inside),
    ];
    const first = new Map(wanted.map(({ copy, file }) => [file.content, copy]));
    await copyFiles(context, tree, first);
    // Each output needs its own file, even where two name the same one.
    for (const { copy, file } of wanted) {
      const from = first.get(file.content)!;
      if (from === copy) continue;
      await mkdir(dirname(join(context.work, copy)), { recursive: true });
      await copyFile(join(context.work, from), join(context.work, copy));
    }
    const facts: Record<string, Json> = {};
    const version = chosen.find(({ output }) => output === 'vmlinuz');
    const found = version === undefined ? undefined : kernelVersion(version.file.path);
    if (found !== undefined) facts['kernelVersion'] = found;
    return {
      files: Object.fromEntries(chosen.map(({ output }) => [output, output])),
      sets: Object.fromEntries(
        taken.map(({ set, inside }) => [
          set,
          Object.fromEntries(inside.map(({ name, copy }) => [name, copy])),
        ]),
      ),
      facts,
    };
  },
});
