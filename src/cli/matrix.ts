/** `osmith matrix`: the variants that are built regularly, as jobs for continuous integration. */
import { type Command, Option } from 'commander';
import { loadVariants } from '../config/variants.ts';
import { githubMatrix, gitlabPipeline } from '../schedule/matrix.ts';
import { globals } from './globals.ts';

export function register(program: Command): void {
  const command = program
    .command('matrix')
    .description('print the variants of config/variants.ini as jobs for continuous integration')
    .addOption(
      new Option('--format <name>', 'github: JSON for strategy.matrix; gitlab: YAML of a child pipeline')
        .choices(['github', 'gitlab'])
        .default('github'),
    )
    .action(({ format }: { format: 'github' | 'gitlab' }) => {
      const variants = loadVariants(globals(command));
      const text =
        format === 'gitlab' ? gitlabPipeline(variants) : `${JSON.stringify(githubMatrix(variants))}\n`;
      process.stdout.write(text);
    });
}
