/**
 * All rules for official images that can be checked without a network: those of the library file, and of each commit that
 * it names, in a repository of this machine.
 */
import { count } from '../../report/style.ts';
import type { Check } from '../verify-types.ts';
import { filesOf, type GitOptions } from './git.ts';
import { fieldOf, listOf, parseLibrary, type Library, type Paragraph } from './library.ts';
import { lintDockerfile } from './lint-dockerfile.ts';
import { lintHistory } from './lint-history.ts';
import { ARCHITECTURES, lintLibrary } from './lint-library.ts';
import { lintOci } from './lint-oci.ts';

/** A commit that an entry names for one architecture. */
interface Build {
  tag: string;
  arch: string;
  commit: string;
  fetch: string;
  directory: string;
  file: string;
  builder: string;
}

function buildsOf(library: Library, entry: Paragraph): Build[] {
  return listOf(fieldOf(library, entry, 'Architectures')!.value).map((arch) => {
    const value = (name: string) => fieldOf(library, entry, name, arch)?.value ?? '';
    const tag = listOf(entry.get('Tags')?.value ?? entry.get('SharedTags')?.value ?? '')[0] ?? '';
    return {
      ...{ tag, arch, commit: value('GitCommit'), fetch: value('GitFetch') },
      ...{ directory: value('Directory'), file: value('File'), builder: value('Builder') },
    };
  });
}

/** What is wrong with the directory of a commit that an image is built from. */
async function lintDirectory(
  { commit, directory, file, builder }: Pick<Build, 'commit' | 'directory' | 'file' | 'builder'>,
  arch: string | undefined,
  options: GitOptions,
): Promise<string[]> {
  const files = await filesOf(commit, directory, options);
  if (files.length === 0) return [`The commit has no directory ${directory}`];
  return builder === 'oci-import' ? lintOci(files, arch, options) : lintDockerfile(files, file, options);
}

function verdict(file: string, what: Check['what'], faults: readonly string[], detail: string): Check[] {
  if (faults.length === 0) return [{ file, what, ok: true, detail }];
  return faults.map((fault) => ({ file, what, ok: false, detail: fault }));
}

/** Checks a library file and what it names. `file` is what users call it. */
export async function lintOfficial(text: string, file: string, options: GitOptions): Promise<Check[]> {
  const { library, faults } = parseLibrary(text, file);
  const all = [...faults, ...lintLibrary(library, file)];
  const said = all.map(({ message, where }) => (where?.line ? `line ${where.line}: ${message}` : message));
  const checks = verdict(file, 'library', said, count(library.entries.length, 'image'));
  // What cannot be read cannot be followed.
  if (all.length > 0) return checks;
  const builds = library.entries.flatMap((entry) => buildsOf(library, entry));
  const commits = Map.groupBy(builds, ({ commit, fetch }) => `${commit} ${fetch}`);
  for (const [{ commit, fetch }] of commits.values() as Iterable<[Build, ...Build[]]>) {
    const wrong = await lintHistory(commit, fetch, options);
    const short = commit.slice(0, 12);
    checks.push(...verdict(fetch, 'history', wrong, `${short}, one release and nothing older`));
  }
  const there = new Set(checks.filter(({ ok, what }) => ok && what === 'history').map((check) => check.file));
  for (const build of builds.filter(({ fetch }) => there.has(fetch))) {
    const { tag, arch, directory, builder } = build;
    const wrong = await lintDirectory(build, arch, options);
    const what = builder === 'oci-import' ? 'image' : 'dockerfile';
    checks.push(...verdict(`${tag} (${arch}): ${directory}`, what, wrong, 'as the rules want it'));
  }
  return checks;
}

/** Checks a release repository by itself: each branch and tag, and all that images could be built from in it. */
export async function lintRepository(
  options: GitOptions,
  refs: ReadonlyMap<string, string>,
): Promise<Check[]> {
  if (refs.size === 0) return verdict('.', 'history', ['It has neither a branch nor a tag'], '');
  const checks: Check[] = [];
  for (const [ref, commit] of refs) {
    checks.push(
      ...verdict(ref, 'history', await lintHistory(commit, ref, options), 'one release and nothing older'),
    );
    const paths = (await filesOf(commit, '.', options)).map(({ path }) => path);
    for (const path of paths) {
      const [, directory = '.', file = ''] = /^(?:(.*)\/)?([^/]+)$/.exec(path) ?? [];
      const isLayout = file === 'oci-layout';
      if (!isLayout && file !== 'Dockerfile') continue;
      const arch = ARCHITECTURES.find((each) => directory.endsWith(`/${each}`));
      const build = { commit, directory, file, builder: isLayout ? 'oci-import' : 'buildkit' };
      const wrong = await lintDirectory(build, arch, options);
      checks.push(
        ...verdict(`${ref}: ${directory}`, isLayout ? 'image' : 'dockerfile', wrong, 'as the rules want it'),
      );
    }
  }
  return checks;
}
