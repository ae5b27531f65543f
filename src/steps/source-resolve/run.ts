/** Finds the source packages of a list in the distribution's signed index, and says which of them are not there. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { prepareApt } from '../../distro/apt/apt.ts';
import { parseSourceUris, sourceLines, sourceUrisArgv } from '../../distro/apt/sources.ts';
import { loadDistro } from '../../distro/registry.ts';
import { source, type PackageFile } from '../../distro/types.ts';
import { formatCollected, type CollectedFile } from '../../release/sbom/collected.ts';
import { parseSources, sourceKey } from '../../release/sbom/sources.ts';
import { defineStep, type StepContext } from '../types.ts';

const params = z.strictObject(source);
type Context = StepContext<z.infer<typeof params>>;

/** apt with the index of sources; its environment. */
async function openIndex(context: Context): Promise<Record<string, string>> {
  const distro = await loadDistro(context.params.distro);
  const nothing = { ...context.params, base: [], extra: [], bare: true };
  await distro.resolve({ ...context, params: nothing });
  const list = join(context.work, 'apt', 'sources.list');
  const sources = await readFile(list, 'utf8');
  const env = await prepareApt(context);
  await writeFile(list, sourceLines(sources));
  await context.exec({ argv: ['apt-get', 'update', '-q'], env });
  return env;
}

export default defineStep<z.infer<typeof params>>({
  kind: 'source-resolve',
  summary: ({ distro, suite }) => `Find the sources in ${distro} ${suite}`,
  params,
  async run(context) {
    const env = await openIndex(context);
    const files: PackageFile[] = [];
    const collected: CollectedFile[] = [];
    for (const wanted of parseSources(await readFile(context.path('sources'), 'utf8'))) {
      const { type, name, version } = wanted;
      const own = { type, name, version };
      const missing = (reason: string) => {
        collected.push({ ...own, path: '', reason });
        context.warn(`The source ${sourceKey(wanted)} is not in the archive: ${reason}`);
      };
      if (type !== 'deb') {
        missing(`sources of ${type} packages cannot be fetched`);
        continue;
      }
      context.progress(name);
      const argv = sourceUrisArgv(name, version);
      const { stdout } = await context.exec({ argv, env, stdout: 'capture', okCodes: [0, 100] });
      const found = parseSourceUris(stdout, wanted);
      if (found.length === 0) missing('the index has no such version');
      for (const file of found) collected.push({ ...own, path: `${type}/${file.file}`, reason: '' });
      files.push(...found);
    }
    const unique = [...new Map(files.map((file) => [file.file, file])).values()];
    await writeFile(join(context.work, 'list.json'), JSON.stringify({ packages: unique, index: '' }));
    await writeFile(join(context.work, 'collected.csv'), formatCollected(collected));
    const lacking = collected.filter(({ path }) => path === '').length;
    return { files: { list: 'list.json', collected: 'collected.csv' }, facts: { missing: lacking } };
  },
});
