/** What the lock file of an archive mirror records: asked of the distribution anew. */
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { loadConfig } from '../config/index.ts';
import { packageList } from '../distro/types.ts';
import { defaultStoreDir } from '../env.ts';
import { OsmithError } from '../errors.ts';
import { readDebianPackage } from '../pkg/debian.ts';
import { mirrorEntries, mirrorListSteps } from '../pkg/mirror.ts';
import { runPlan } from '../run/scheduler.ts';
import { blobPath, openStore } from '../run/store.ts';
import type { LockEntry } from '../template/lock.ts';
import { globals, reporterFor } from './globals.ts';
import { interruption } from './signals.ts';

/** The lines for one architecture. */
export async function mirrorEntriesFor(dir: string, arch: string, command: Command): Promise<LockEntry[]> {
  const pkg = readDebianPackage(dir);
  if (!pkg.mirror) {
    throw new OsmithError('E_USAGE', `${dir} is no mirror: it has no lock file`, {
      where: { file: `${dir}/debian.yml` },
      hint: 'Name a template, a composition, or a package with mirror: true',
    });
  }
  const global = globals(command);
  const { workspace, localdir } = global;
  const { set } = command.opts<{ set: string[] }>();
  const config = loadConfig({ workspace, localdir, attributes: { arch }, set });
  const store = await openStore(defaultStoreDir());
  const reporter = reporterFor(global);
  const prefix = `lock-${arch}`;
  const steps = mirrorListSteps(pkg, config, arch, prefix);
  try {
    const again = ({ id }: { id: string }) => id === `${prefix}/resolve`;
    const run = { store, workspace, emit: reporter.emit, signal: interruption, again };
    const results = await runPlan({ name: 'lock', steps, artifacts: [] }, run);
    const { files } = results.get(`${prefix}/resolve`)!;
    const lists = (['base', 'extra'] as const).map(async (kind) => {
      const text = await readFile(blobPath(store, files[kind]!.digest), 'utf8');
      return mirrorEntries(kind, packageList.parse(JSON.parse(text)), arch);
    });
    return (await Promise.all(lists)).flat();
  } finally {
    reporter.close();
  }
}
