/** Asks the remotes which refs and commits the wanted apps are and need, and whether all of it may be installed. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { OsmithError } from '../../errors.ts';
import { endOfLife, outcome, outcomeFaults, placeName, refsOf, type Outcome } from '../../flatpak/outcome.ts';
import { runPython } from '../../flatpak/python.ts';
import { readRepoFile } from '../../flatpak/fetch-repo-file.ts';
import { wantedRemote, type Resolution, type WantedRemote } from '../../flatpak/types.ts';
import { defineStep, type StepContext } from '../types.ts';

const params = z.strictObject({
  /** In Flatpak's words, such as x86_64. */
  arch: z.string(),
  /** Languages whose part of locale extensions is wanted. */
  languages: z.array(z.string()),
  /** In the order in which they are asked. */
  remotes: z.array(wantedRemote),
});
type Params = z.infer<typeof params>;

const PROGRAM = join(import.meta.dirname, '../../flatpak/resolve.py');

/** Milliseconds between attempts. */
const DELAYS = [1000, 3000, 8000];

async function complete(remote: WantedRemote, signal: AbortSignal): Promise<WantedRemote> {
  if (remote.repoFile === '') return remote;
  const said = await readRepoFile(remote, signal);
  const { url, title, defaultBranch, key } = remote;
  const full = {
    ...remote,
    ...{ url: url || said.url, title: title || said.title, key: key || said.key },
    defaultBranch: defaultBranch || said.defaultBranch,
  };
  const lacks = full.url === '' ? 'URL' : full.key === '' && full.gpgVerify ? 'key' : undefined;
  if (lacks === undefined) return full;
  throw new OsmithError('E_FLATPAK', `${remote.repoFile} names no ${lacks}`, {
    about: placeName(remote.name, 'repo_file'),
    hint: lacks === 'URL' ? 'Set url' : 'Set keys to the file of the public keys',
  });
}

async function ask(context: StepContext<Params>, remotes: WantedRemote[]): Promise<Outcome> {
  const { work } = context;
  const { arch, languages } = context.params;
  const masked = [...new Set(remotes.flatMap(({ exclude }) => exclude))].sort();
  const request = {
    ...{ arch, languages, masked },
    remotes: remotes.map((remote) => ({ ...remote, key: remote.gpgVerify ? remote.key : '' })),
  };
  await writeFile(join(work, 'request.json'), JSON.stringify(request));
  await runPython(context, PROGRAM, ['request.json', 'outcome.json']);
  return outcome.parse(JSON.parse(await readFile(join(work, 'outcome.json'), 'utf8')));
}

function throwAll([first, ...also]: OsmithError[]): void {
  if (first !== undefined) throw new OsmithError(first.code, first.message, { ...first.details, also });
}

export default defineStep<Params>({
  kind: 'flatpak-resolve',
  summary: ({ remotes }) => `Find Flatpak apps at ${remotes.map(({ name }) => name).join(', ')}`,
  params,
  async run(context) {
    const remotes = await Promise.all(context.params.remotes.map((each) => complete(each, context.signal)));
    for (let tries = 0; ; tries += 1) {
      const found = await ask(context, remotes);
      const refs = refsOf(found);
      const faults = outcomeFaults(found, refs, remotes);
      const delay = DELAYS[tries];
      if (delay !== undefined && faults.length > 0 && faults.every(({ code }) => code === 'E_NETWORK')) {
        context.log(`${faults[0]!.message}: trying again in ${delay / 1000} s`);
        await sleep(delay, undefined, { signal: context.signal });
        continue;
      }
      throwAll(faults);
      for (const text of endOfLife(refs)) context.warn(text);
      const result: Resolution = {
        remotes: found.remotes.map((told) => {
          const { name, url, gpgVerify, key, title, defaultBranch, prio } = remotes.find(
            (remote) => remote.name === told.name,
          )!;
          return {
            ...{ name, url, gpgVerify, key, prio, collectionId: told.collectionId },
            ...{ title: title || told.title, defaultBranch: defaultBranch || told.defaultBranch },
          };
        }),
        refs,
      };
      await writeFile(join(context.work, 'apps.json'), `${JSON.stringify(result, null, 2)}\n`);
      return { files: { apps: 'apps.json' } };
    }
  },
});
