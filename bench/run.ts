/** `make bench`: Osmith beside plain mmdebstrap, in one run on one machine. See docs/benchmarks.md. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { defaultStoreDir } from '../src/env.ts';
import { requireHost } from '../src/run/host.ts';
import type { Sample } from './measure.ts';
import { mkosiObstacle } from './mkosi.ts';
import { copyProgram, prepare } from './prepare.ts';
import * as rows from './rows.ts';
import { summarise, table, type Round } from './table.ts';

const USAGE = `usage: node bench/run.ts [BRANCH] [--repeat N] [--dir DIR] [--json] [--keep]
  --repeat N   rounds, of which the median counts (3)
  --dir DIR    where to work, needs about 8 GB; on the file system of the store nothing need be copied
  --json       print the measurements as JSON
  --keep       leave the directory there`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    repeat: { type: 'string', default: '3' },
    dir: { type: 'string' },
    json: { type: 'boolean', default: false },
    in: { type: 'string' },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  process.stdout.write(`${USAGE}\n`);
  process.exit(0);
}

function note(text: string): void {
  process.stderr.write(`${text}\n`);
}

function version(argv: [string, ...string[]]): string {
  return execFileSync(argv[0], argv.slice(1), { encoding: 'utf8' }).trim().split('\n')[0]!;
}

function machine() {
  return {
    cores: availableParallelism(),
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    memory: totalmem(),
    kernel: release(),
    mmdebstrap: version(['mmdebstrap', '--version']),
    user: process.getuid?.() === 0 ? 'root' : 'ordinary user',
    load: loadavg()[0]!,
  };
}

/** Measures from a copy of the program; the copy is told by `--in` where it is. */
function delegate(): number {
  const parent = values.dir ?? `${defaultStoreDir()}-bench`;
  mkdirSync(parent, { recursive: true });
  const dir = mkdtempSync(join(parent, 'run-'));
  try {
    const copy = join(copyProgram(dir), 'bench/run.ts');
    const argv = [...process.execArgv, copy, ...process.argv.slice(2), '--in', dir];
    return spawnSync(process.execPath, argv, { stdio: 'inherit' }).status ?? 1;
  } finally {
    if (values.keep) note(`left: ${dir}`);
    else rmSync(dir, { recursive: true, force: true });
  }
}

async function measureAll(dir: string): Promise<void> {
  await requireHost();
  const before = machine();
  const rounds: Round[] = [];
  const bench = await prepare(dir, positionals[0], note);
  for (let round = 1; round <= Number(values.repeat); round++) {
    const found: Partial<Round> = {};
    const take = async (name: keyof Round, row: () => Promise<Sample>) => {
      const { elapsed, cpu } = (found[name] = await row());
      note(`round ${round}: ${name} ${elapsed.toFixed(1)} s (processor ${cpu.toFixed(1)} s)`);
    };
    rows.restoreHooks(bench);
    await take('mmdebstrap', () => rows.mmdebstrap(bench));
    await take('first', () => rows.firstBuild(bench));
    await rows.collectInputs(bench);
    await take('tools', () => rows.fileSystemTools(bench));
    await take('same', () => rows.noChange(bench));
    await take('firstHook', () => rows.changedHook(bench, 'first', round));
    await take('lastHook', () => rows.changedHook(bench, 'last', round));
    rounds.push(found as Round);
  }
  const after = { ...before, loadAtEnd: loadavg()[0]! };
  const report = { machine: after, rounds, rows: summarise(rounds), mkosi: mkosiObstacle() };
  process.stdout.write(values.json ? `${JSON.stringify(report, null, 2)}\n` : table(report));
}

if (values.in === undefined) process.exitCode = delegate();
else await measureAll(values.in);
