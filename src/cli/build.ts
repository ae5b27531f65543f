/** `osmith build`: which build it is. What it needs is loaded then. */
import type { Command } from 'commander';
import { wholeNumber } from './globals.ts';
import { addStageOptions } from './stage-options.ts';
import { addVariantOptions } from './variant.ts';

export interface BuildOptions {
  out: string;
  refresh?: boolean;
  shellOnFailure?: boolean;
  liveUpdate?: boolean;
  lockTimeout: number;
}

export function register(program: Command): void {
  const command = program.command('build').description('build a variant: its artifacts and manifest.json');
  addStageOptions(addVariantOptions(command))
    .option('--out <dir>', 'where the artifacts go', 'out')
    .option('--refresh', 'look for newer packages at the mirror, and fetch content again')
    .option(
      '--lock-timeout <seconds>',
      'how long to wait for another build of the same variant or to the same place',
      wholeNumber,
      600,
    )
    .option('--shell-on-failure', 'open a shell in the sandbox of a step that fails')
    .option(
      '--live-update',
      'change the disk images of the last build where they differ (ext4, composed systems)',
    )
    .action(async (_branch: string | undefined, options: BuildOptions) => {
      if (options.liveUpdate) {
        const { liveBuild } = await import('./live-build.ts');
        if (await liveBuild(command, options)) return;
      }
      const { fullBuild } = await import('./full-build.ts');
      await fullBuild(command, options);
    });
}
