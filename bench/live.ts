/**
 * Measures live updates of one changed file against full builds of the same tree.
 *
 *     node bench/live.ts [--repeat N] [--dir DIR] [--json]
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { defaultStoreDir } from '../src/env.ts';
import { measure, median, type Sample } from './measure.ts';
import { seed } from './prepare.ts';

const REPO = join(import.meta.dirname, '..');
const AIM = 2;

const { values } = parseArgs({
  options: {
    repeat: { type: 'string', default: '3' },
    dir: { type: 'string', default: tmpdir() },
    json: { type: 'boolean', default: false },
  },
});

mkdirSync(values.dir, { recursive: true });
const dir = mkdtempSync(join(values.dir, 'osmith-bench-'));
const modifier = join(dir, 'change.yq');

function build(out: string, ...more: string[]): Promise<Sample> {
  const settings = [
    ...['image.formats=raw', 'image.filesystem=ext4', 'build.build_version=1'],
    `compose.modifiers_add=${relative(join(REPO, 'workspace'), modifier)}`,
  ];
  const argv = ['build', '--product', 'edge', '--out', join(dir, out)];
  return measure({
    argv: [join(REPO, 'osmith'), ...argv, ...settings.flatMap((each) => ['--set', each]), ...more],
    env: { OSMITH_STORE: join(dir, 'store') },
    log: join(dir, 'log'),
  });
}

/** What the file has in it that is changed. */
function write(content: string): void {
  const files = [{ path: 'etc/bench', contents: `${content}\n` }];
  writeFileSync(modifier, `.files += ${JSON.stringify(files)}\n`);
}

interface Round {
  live: Sample;
  full: Sample;
}

async function round(number: number): Promise<Round> {
  write(`round ${number}`);
  const live = await build('live', '--live-update');
  return { live, full: await build('full') };
}

try {
  const before = loadavg()[0]!;
  seed(defaultStoreDir(), join(dir, 'store'));
  write('nothing');
  // Tools and packages are there when the clock runs.
  await build('live');
  const rounds: Round[] = [];
  for (let i = 0; i < Number(values.repeat); i++) rounds.push(await round(i));
  const same = await build('live', '--live-update');
  const image = readdirSync(join(dir, 'live')).find((name) => name.endsWith('.raw'))!;
  const held = statSync(join(dir, 'live', image)).blocks * 512;
  const report = {
    ...{ held, load: [before, loadavg()[0]!], rounds, same },
    live: median(rounds.map(({ live }) => live.elapsed)),
    ratio: median(rounds.map(({ live, full }) => full.elapsed / live.elapsed)),
  };
  const each = (list: readonly number[]) => list.map((value) => value.toFixed(2)).join(' ');
  const lines = [
    `an image of ${(report.held / 1e6).toFixed(0)} MB; load ${each(report.load)}`,
    `live update           ${each(rounds.map(({ live }) => live.elapsed))} s  aim ${AIM}: ${report.live <= AIM ? 'met' : 'missed'}`,
    `  of processor time   ${each(rounds.map(({ live }) => live.cpu))} s`,
    `full build            ${each(rounds.map(({ full }) => full.elapsed))} s`,
    `  of processor time   ${each(rounds.map(({ full }) => full.cpu))} s`,
    `full to live          ${each(rounds.map(({ live, full }) => full.elapsed / live.elapsed))}`,
    `  of processor times  ${each(rounds.map(({ live, full }) => full.cpu / live.cpu))}`,
    `nothing changed       ${same.elapsed.toFixed(2)} s`,
  ];
  process.stdout.write(`${values.json ? JSON.stringify(report, null, 2) : lines.join('\n')}\n`);
} finally {
  rmSync(dir, { recursive: true, force: true });
}
