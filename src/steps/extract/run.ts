/** Copies named files out of a tree. */
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { pathMatcher } from '../../disk/path-pattern.ts';
import { copyFiles, findFiles, type TreeFile } from '../../disk/tree-files.ts';
import { OsmithError } from '../../errors.ts';
import type { Json } from '../../plan/types.ts';
import { defineStep } from '../types.ts';

const params = z.strictObject({
  /** Output name to the one file that matches a pattern, such as `boot/vmlinuz-*`. */
  files: z.record(z.string().regex(/^[\w.-]+$/), z.string().min(1)),
});

/** The one file that matches. */
function only(output: string, pattern: string, files: readonly TreeFile[]): TreeFile {
  const matches = pathMatcher([pattern]);
  const found = files.filter(({ path }) => matches(path));
  if (found.length === 1) return found[0]!;
  if (found.length === 0) {
    throw new OsmithError('E_STEP', `The tree has no file /${pattern} (for ${output})`, {
      hint: 'Add the package that contains it',
    });
  }
  const names = found.map(({ path }) => `/${path}`).join(', ');
  throw new OsmithError('E_STEP', `Several files match /${pattern} (for ${output}): ${names}`, {
    hint: 'Remove all but one, such as an older kernel package',
  });
}

/** `6.12.1-amd64` of `boot/vmlinuz-6.12.1-amd64`. */
function kernelVersion(path: string): string | undefined {
  return /(?:^|\/)vmlinuz-([^/]+)$/.exec(path)?.[1];
}

export default defineStep<z.infer<typeof params>>({
  kind: 'extract',
  summary: ({ files }) => `Copy ${Object.keys(files).join(', ')} out of the tree`,
  params,
  async run(context) {
    const { files } = context.params;
    const tree = context.tree('root');
    const all = await findFiles(context, tree, pathMatcher(Object.values(files)));
    const chosen = Object.entries(files).map(([output, pattern]) => ({
      output,
      file: only(output, pattern, all),
    }));
    const first = new Map(chosen.map(({ output, file }) => [file.content, output]));
    await copyFiles(context, tree, first);
    // Each output needs its own file, even where two name the same one.
    for (const { output, file } of chosen) {
      const copy = first.get(file.content)!;
      if (copy !== output) await copyFile(join(context.work, copy), join(context.work, output));
    }
    const facts: Record<string, Json> = {};
    const version = chosen.find(({ output }) => output === 'vmlinuz');
    const found = version === undefined ? undefined : kernelVersion(version.file.path);
    if (found !== undefined) facts['kernelVersion'] = found;
    return { files: Object.fromEntries(chosen.map(({ output }) => [output, output])), facts };
  },
});
