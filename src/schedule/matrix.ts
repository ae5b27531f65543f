/** The configured variants as jobs for continuous integration. */
import { stringify } from 'yaml';
import { type Variant, variantArguments } from '../config/variants.ts';

/** A word of a POSIX shell. */
function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

function commands(variant: Variant): string[] {
  const words = variantArguments(variant).map(shellWord).join(' ');
  return variant.tasks.map((task) => `./osmith ${task} ${words}`);
}

/** What GitHub Actions take as `strategy.matrix` through `fromJSON`: a job for each variant. */
export function githubMatrix(variants: readonly Variant[]): { include: Record<string, unknown>[] } {
  return {
    include: variants.map((variant) => ({
      ...{ name: variant.name, ...variant.attributes },
      run: commands(variant).join('\n'),
      runner: variant.runner.length === 0 ? ['ubuntu-latest'] : variant.runner,
    })),
  };
}

/** A child pipeline for GitLab: a job for each variant. Whoever includes it says in `.osmith` what all have. */
export function gitlabPipeline(variants: readonly Variant[]): string {
  const jobs = variants.map((variant): [string, object] => [
    variant.name,
    {
      extends: '.osmith',
      ...(variant.runner.length === 0 ? {} : { tags: variant.runner }),
      script: commands(variant),
    },
  ]);
  const shared = { '.osmith': { before_script: ['make setup'], artifacts: { paths: ['out/'] } } };
  return stringify({ ...shared, ...Object.fromEntries(jobs) }, { lineWidth: 0 });
}
