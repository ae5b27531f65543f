/** `osmith gc`: frees what builds no longer use. */
import type { Command } from 'commander';
import { defaultStoreDir } from '../env.ts';
import { cleanStore } from '../run/gc.ts';
import { openStore } from '../run/store.ts';
import { globals, wholeNumber } from './globals.ts';

interface GcOptions {
  days: number;
  verify?: boolean;
  dryRun?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command('gc')
    .description('clean the store of what builds no longer use')
    .option('--days <n>', 'keep what was used in so many days; 0: remove everything', wholeNumber, 30)
    .option('--verify', 'also hash every file of the store and drop what is damaged')
    .option('-n, --dry-run', 'say what would be removed')
    .action(async ({ days, verify = false, dryRun = false }: GcOptions) => {
      const store = await openStore(defaultStoreDir());
      const cleaned = await cleanStore(store, { days, verify, dryRun });
      if (globals(command).json) {
        process.stdout.write(`${JSON.stringify({ store: store.dir, ...cleaned })}\n`);
        return;
      }
      const { results, blobs, trees, bytes } = cleaned;
      const size = `${(bytes / 1e6).toFixed(1)} MB`;
      const what = `${results} results, ${blobs} files (${size}), ${trees} unpacked trees`;
      process.stdout.write(`${dryRun ? 'Would remove' : 'Removed'} ${what} from ${store.dir}\n`);
    });
}
