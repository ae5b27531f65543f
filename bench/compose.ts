/**
 * Measures compositions against the floor: unpacking the same layers one after the other into one file.
 *
 *     node bench/compose.ts [--repeat N] [--dir DIR] [--json]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { composeInputs, type ComposeInputs } from './compose-inputs.ts';
import { measure, median, type Sample } from './measure.ts';

const OSMITH = join(import.meta.dirname, '..', 'osmith');

const { values } = parseArgs({
  options: {
    repeat: { type: 'string', default: '3' },
    dir: { type: 'string', default: tmpdir() },
    json: { type: 'boolean', default: false },
  },
});

interface Round {
  floor: Sample;
  first: Sample;
  again: Sample;
}

function argv({ layout, system }: ComposeInputs, dir: string): string[] {
  return [
    OSMITH,
    'compose',
    system,
    '--layout',
    layout,
    '--arch',
    'amd64',
    '--output',
    join(dir, 'osmith.tar'),
  ];
}

async function round(inputs: ComposeInputs, dir: string, number: number): Promise<Round> {
  const log = join(dir, 'log');
  const env = { OSMITH_STORE: join(dir, `store${number}`) };
  const unpack = 'out=$1; shift; for layer; do gzip -dc "$layer"; done > "$out"';
  const floor = await measure({
    argv: ['sh', '-ec', unpack, 'sh', join(dir, 'floor.tar'), ...inputs.layers],
    log,
  });
  const first = await measure({ argv: argv(inputs, dir), env, log });
  const again = await measure({ argv: argv(inputs, dir), env, log });
  rmSync(env.OSMITH_STORE, { recursive: true });
  return { floor, first, again };
}

/** Most memory that a first composition takes, bytes: the kernel keeps count. */
async function peakMemory(inputs: ComposeInputs, dir: string): Promise<number> {
  const [program, ...rest] = argv(inputs, dir);
  const env = { ...process.env, OSMITH_STORE: join(dir, 'store-memory') };
  const child = spawn(program!, rest, { env, stdio: 'ignore' });
  let peak = 0;
  const look = () => {
    try {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      peak = Math.max(peak, Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024);
    } catch {
      // It has ended.
    }
  };
  const timer = setInterval(look, 20);
  await once(child, 'close');
  clearInterval(timer);
  return peak;
}

mkdirSync(values.dir, { recursive: true });
const dir = mkdtempSync(join(values.dir, 'osmith-bench-'));
try {
  const before = loadavg()[0]!;
  const inputs = composeInputs(dir);
  const rounds: Round[] = [];
  for (let i = 0; i < Number(values.repeat); i++) rounds.push(await round(inputs, dir, i));
  const memory = await peakMemory(inputs, dir);
  const size = statSync(join(dir, 'osmith.tar')).size;
  const ratios = rounds.map(({ floor, first }) => first.elapsed / floor.elapsed);
  const report = {
    ...{ images: inputs.layers.length, files: inputs.files, size, memory, load: [before, loadavg()[0]!] },
    ...{ rounds, ratio: median(ratios), again: median(rounds.map(({ again }) => again.elapsed)) },
  };
  const each = (list: readonly number[]) => list.map((value) => value.toFixed(2)).join(' ');
  const met = (value: number, limit: number) => `aim ${limit}: ${value <= limit ? 'met' : 'missed'}`;
  const lines = [
    `${report.images} images, ${report.files} files, ${(size / 1e6).toFixed(0)} MB; load ${each(report.load)}`,
    `floor                 ${each(rounds.map(({ floor }) => floor.elapsed))} s`,
    `osmith, first         ${each(rounds.map(({ first }) => first.elapsed))} s`,
    `osmith, again         ${each(rounds.map(({ again }) => again.elapsed))} s  ${met(report.again, 1)}`,
    `  of processor time   ${each(rounds.map(({ again }) => again.cpu))} s`,
    `first to floor        ${each(ratios)}  ${met(report.ratio, 1.5)}`,
    `  of processor times  ${each(rounds.map(({ floor, first }) => first.cpu / floor.cpu))}`,
    `most memory           ${(memory / 2 ** 20).toFixed(0)} MiB`,
  ];
  process.stdout.write(`${values.json ? JSON.stringify(report, null, 2) : lines.join('\n')}\n`);
} finally {
  rmSync(dir, { recursive: true, force: true });
}
