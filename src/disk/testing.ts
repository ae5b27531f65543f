/** For tests: independent programs of the host as oracles, and scratch directories. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished } from 'vitest';
import { envVar } from '../env.ts';
import { MIB } from './layout.ts';

function has(program: string): boolean {
  return spawnSync('sh', ['-c', 'command -v -- "$1"', 'sh', program]).status === 0;
}

/** A group of tests that needs programs; without them it is skipped, and its name says why. */
export function describeWith(programs: readonly string[], title: string, tests: () => void): void {
  const missing = programs.filter((program) => !has(program));
  if (missing.length === 0) describe(title, tests);
  else describe.skip(`${title} (not tested: no ${missing.join(', ')} here)`, tests);
}

export interface Ran {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a program with the given standard input. */
export function run(
  argv: readonly string[],
  options: { input?: string | Buffer; cwd?: string; env?: Record<string, string> } = {},
): Ran {
  const env = { PATH: `${envVar('PATH')}:/usr/sbin:/sbin`, LANG: 'C.UTF-8', ...options.env };
  const { input, cwd } = options;
  const result = spawnSync(argv[0]!, argv.slice(1), { input, cwd, env, maxBuffer: 1 << 28 });
  return { status: result.status, stdout: result.stdout.toString(), stderr: result.stderr.toString() };
}

/** A directory that is removed when the current test ends. */
export function scratch(): string {
  const dir = mkdtempSync(join(tmpdir(), 'osmith-test-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** A raw disk of this size has a sound table at its end, and holds what lies between the tables of another one. */
export function expectDisk(disk: string, original: string, size: number): void {
  expect(statSync(disk).size).toBe(size);
  const count = statSync(original).size - 2 * MIB;
  const compared = run(['cmp', '-i', String(MIB), '-n', String(count), disk, original]);
  expect(compared).toEqual({ status: 0, stdout: '', stderr: '' });
  const { stdout, stderr } = run(['sgdisk', '-v', disk]);
  expect(stdout).toContain('No problems found');
  expect(stdout + stderr).not.toMatch(/Warning|Caution/i);
}

/** The same of one in a format of virtual machines, by the name of QEMU's driver for it. */
export function expectVirtual(driver: string, file: string, original: string, size: number): void {
  const back = join(scratch(), 'back.raw');
  expect(run(['qemu-img', 'convert', '-f', driver, '-O', 'raw', file, back]).status).toBe(0);
  expectDisk(back, original, size);
}

export async function collect(pieces: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}
