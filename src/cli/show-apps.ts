/** `osmith show-apps`: the Flatpak apps and runtimes of a variant with their sizes, without building anything. */
import { readFile, writeFile } from 'node:fs/promises';
import { Option, type Command } from 'commander';
import type { Config } from '../config/index.ts';
import { defaultStoreDir } from '../env.ts';
import { OsmithError } from '../errors.ts';
import { byNature, byRuntime, bySize } from '../flatpak/apps.ts';
import { appTables, totals } from '../flatpak/tables.ts';
import { treemapPage } from '../flatpak/treemap.ts';
import { trim, type Trimmed } from '../flatpak/trim.ts';
import { resolution, type ResolvedRef } from '../flatpak/types.ts';
import { appsPlan } from '../plan/flatpak.ts';
import { openReporter } from '../report/reporter.ts';
import { requireHost } from '../run/host.ts';
import { runPlan } from '../run/scheduler.ts';
import { blobPath, openStore } from '../run/store.ts';
import { globals, wholeNumber } from './globals.ts';
import { interruption } from './signals.ts';
import { addVariantOptions, loadVariant } from './variant.ts';

interface ShowOptions {
  groupBy: 'runtime' | 'nature';
  trim: number;
  keep: string[];
  removeFirst: string[];
  html?: string;
  refresh?: boolean;
}

export function register(program: Command): void {
  const command = program
    .command('show-apps')
    .description('show the Flatpak apps and runtimes of a variant with their sizes');
  addVariantOptions(command)
    .addOption(
      new Option('--group-by <what>', 'one table for each runtime, or for each kind of app')
        .choices(['runtime', 'nature'])
        .default('runtime'),
    )
    .option('--trim <bytes>', 'propose what to remove to save so many bytes of download size', wholeNumber, 0)
    .option('--keep <ids...>', 'ids or patterns such as org.gnome.* that --trim must not remove', [])
    .option('--remove-first <ids...>', 'ids or patterns that --trim removes before others', [])
    .option('--html <file>', 'also write a page that shows the sizes as areas')
    .option('--refresh', 'ask the remotes again')
    .action(async (_branch: string | undefined, options: ShowOptions) => show(command, options));
}

/** What the remotes say; from the store if they were asked before. */
async function resolve(config: Config, debug: boolean, refresh: boolean): Promise<ResolvedRef[]> {
  const plan = appsPlan(config);
  await requireHost();
  const store = await openStore(defaultStoreDir());
  const reporter = openReporter({ json: false, debug, stream: process.stderr });
  try {
    const results = await runPlan(plan, {
      ...{ store, workspace: config.workspace, emit: reporter.emit, signal: interruption },
      again: ({ id }) => refresh && id === plan.steps.at(-1)!.id,
    });
    const { digest } = results.get(plan.steps.at(-1)!.id)!.files['apps']!;
    return resolution.parse(JSON.parse(await readFile(blobPath(store, digest), 'utf8'))).refs;
  } finally {
    reporter.close();
  }
}

async function show(command: Command, options: ShowOptions): Promise<void> {
  const { json, debug } = globals(command);
  const config = loadVariant(command);
  const refs = await resolve(config, debug, options.refresh === true);
  const { product, branch, arch, personality } = config.attributes;
  const groups = options.groupBy === 'runtime' ? byRuntime(refs) : byNature(refs, personality ?? '');
  const { keep, removeFirst, trim: excess } = options;
  const trimmed = excess > 0 ? trim(refs, { excess, keep, removeFirst }) : { verdicts: new Map(), left: 0 };
  if (options.html !== undefined) {
    const title = `Flatpak apps of ${[product, branch, arch, personality].join(' ')}`;
    const page = treemapPage(groups, { title, totals: totals(refs), verdicts: trimmed.verdicts });
    await writeHtml(options.html, page);
  }
  process.stdout.write(
    json ? asJson(refs, excess, trimmed) : appTables(groups, totals(refs), excess, trimmed),
  );
}

async function writeHtml(file: string, page: string): Promise<void> {
  try {
    await writeFile(file, page);
  } catch (error) {
    throw new OsmithError('E_USAGE', `Cannot write ${file}: ${(error as Error).message}`, {
      hint: 'Name another file with --html',
    });
  }
}

function asJson(refs: readonly ResolvedRef[], excess: number, { verdicts, left }: Trimmed): string {
  const budget = excess > 0 ? { excess, excessAfterRemovals: left } : {};
  const apps = bySize(refs).map((ref) => {
    const verdict = verdicts.get(ref.ref);
    return { ...ref, ...(verdict === undefined ? {} : { remove: verdict }) };
  });
  return `${JSON.stringify({ ...totals(refs), ...budget, refs: apps }, null, 2)}\n`;
}
