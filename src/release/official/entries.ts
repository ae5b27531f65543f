/** The library file of a release: an entry for each variant, and the last release's if it is to stay. */
import { bashbrewArch, directoryOf, type ReleaseVariant } from './commit-files.ts';
import { formatLibrary, listOf, parseLibrary, type Paragraph } from './library.ts';
import type { OfficialSettings, TagFormat } from './settings.ts';

type Fields = Record<string, string | string[]>;

/** What a release is called: the tag in git, and the end of dated tags of images. */
export function stampOf(format: TagFormat, epoch: number, version: string): string {
  if (format === 'version') return version;
  const [year, month, day] = new Date(epoch * 1000).toISOString().slice(0, 10).split('-');
  return format === 'ddmmyyyy' ? `${day}${month}${year}` : `${year}${month}${day}`;
}

/** Versions may look like anything; `v` tells that it is one. */
export function gitTag(format: TagFormat, stamp: string): string {
  return `refs/tags/${format === 'version' ? 'v' : ''}${stamp}`;
}

/** Moving tags first, as people look for them. */
export function imageTags(
  { tags, variant }: Pick<ReleaseVariant, 'tags' | 'variant'>,
  stamp: string,
): string[] {
  return [...new Set([...tags, variant, `${variant}-${stamp}`])];
}

export interface Released {
  commit: string;
  /** Whole name of the tag in git. */
  tag: string;
  stamp: string;
}

function entryOf(
  variant: ReleaseVariant,
  { form }: OfficialSettings,
  { commit, tag, stamp }: Released,
): Fields {
  const arches = variant.builds.map(({ arch }) => bashbrewArch(arch));
  const directories = variant.builds.map((build): [string, string] => [
    arches.length === 1 ? 'Directory' : `${bashbrewArch(build.arch)}-Directory`,
    directoryOf(variant, build),
  ]);
  return {
    Tags: imageTags(variant, stamp).join(', '),
    Architectures: arches.join(', '),
    GitFetch: tag,
    GitCommit: commit,
    ...Object.fromEntries(directories),
    ...(form === 'oci-import' ? { Builder: 'oci-import', File: 'index.json' } : {}),
  };
}

/** Entries of the last release with the tags that only they have. */
function previousEntries(text: string, taken: ReadonlySet<string>): Fields[] {
  const { library, faults } = parseLibrary(text, 'library');
  if (faults.length > 0) return [];
  // What was kept the last time goes now: those entries have no tag that moves.
  const moving = (entry: Paragraph) => listOf(entry.get('Tags')?.value ?? '').some((tag) => taken.has(tag));
  return library.entries.filter(moving).flatMap((entry) => {
    const tags = listOf(entry.get('Tags')!.value).filter((tag) => !taken.has(tag));
    if (tags.length === 0) return [];
    const fields = [...entry].map(([name, { value }]): [string, string] => [name, value]);
    return [{ ...Object.fromEntries(fields), Tags: tags.join(', ') }];
  });
}

/** `previous`: the library file as it is there. */
export function libraryOf(
  variants: readonly ReleaseVariant[],
  settings: OfficialSettings,
  released: Released,
  previous = '',
): string {
  const taken = new Set(variants.flatMap((variant) => imageTags(variant, released.stamp)));
  const entries = variants.map((variant) => entryOf(variant, settings, released));
  const kept = settings.keepPrevious ? previousEntries(previous, taken) : [];
  const global = { Maintainers: settings.maintainers, GitRepo: settings.url };
  return formatLibrary([settings.url.replace(/\.git$/, '')], [global, ...entries, ...kept]);
}
