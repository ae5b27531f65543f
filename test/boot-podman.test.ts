/** An appliance whose containers are run by Podman, as AlmaLinux's are: Debian's has it too. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { removeTree } from '../src/run/scratch.ts';
import { osmith } from './support/osmith.ts';

const OPTIONS = [
  ...['refine.container_engine=podman', 'refine.packages_add=podman', 'refine.packages_del=docker.io'],
  'image.formats=vmlinuz initrd raw',
].flatMap((option) => ['--set', option]);

const dir = mkdtempSync(join(tmpdir(), 'osmith-test-'));
afterAll(() => removeTree(dir));

test('it boots, takes orders, and Podman has a file system for its containers', async () => {
  const variant = ['deb', '--arch', 'amd64', '--out', join(dir, 'out'), ...OPTIONS];
  const built = await osmith(['build', ...variant]);
  expect(built.exitCode, built.all).toBe(0);
  const tested = await osmith(['test', ...variant, '--scenario', 'secure-boot']);
  expect(tested.exitCode, tested.all).toBe(0);
});
