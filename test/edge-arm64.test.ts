/** The edge for arm64, in an emulated machine: updated, and back to what it had. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { osmith } from './support/osmith.ts';

let out = '';

async function edge(command: string, ...more: string[]): Promise<void> {
  const done = await osmith([command, '--product', 'edge', '--arch', 'arm64', '--out', out, ...more]);
  expect(done.exitCode, done.all).toBe(0);
}

beforeAll(async () => {
  out = mkdtempSync(join(tmpdir(), 'osmith-edge-arm64-'));
  await edge('build');
});

afterAll(() => rmSync(out, { recursive: true, force: true }));

test(
  'is updated, and goes back to what it had',
  async () => edge('test', '--scenario', 'edge-update-arm64'),
  5_400_000,
);
