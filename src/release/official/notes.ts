/** The text of a pull request for the official-images repository. */
import type { Check } from '../verify-types.ts';
import type { Released } from './entries.ts';
import { imageTags } from './entries.ts';
import { directoryOf, type ReleaseVariant } from './commit-files.ts';
import type { OfficialSettings } from './settings.ts';

/** Markdown. */
export function pullRequestText(
  variants: readonly ReleaseVariant[],
  settings: OfficialSettings,
  { commit, tag, stamp }: Released,
  checks: readonly Check[],
): string {
  const rows = variants.flatMap((variant) =>
    variant.builds.map(
      (build) =>
        `| ${imageTags(variant, stamp).join(', ')} | ${build.arch} | \`${directoryOf(variant, build)}\` | \`${build.image.digest}\` |`,
    ),
  );
  const form =
    settings.form === 'oci-import'
      ? 'The images are OCI layouts (`Builder: oci-import`): what was built and tested is what is pulled.'
      : 'Each Dockerfile compares its tarball with a checksum before it is copied into an empty image.';
  return `# Update ${settings.name} to ${stamp}

Commit ${commit}, under \`${tag}\` of ${settings.url}. It has no parent: its history holds no older tarball.

| tags | architecture | directory | image |
| ---- | ------------ | --------- | ----- |
${rows.join('\n')}

${form}

Checked before it was pushed:

${checks.map(({ ok, what, file, detail }) => `- [${ok ? 'x' : ' '}] ${what}: ${file}, ${detail}`).join('\n')}
`;
}
