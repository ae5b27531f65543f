/** What the plan lets onto a configuration volume is what the step can put there, to the last cluster and name. */
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { describeWith, run } from '../disk/testing.ts';
import { runStep } from '../steps/testing.ts';
import { capacity, configFiles } from './config-volume.ts';

const MIB = 1 << 20;
const MARKER = 'origin.2026-11-28.0.0.0-a-branch-0123456789abcdef-dirty-2026-11-28.10.22-dev-kvm-and-more';

function workspace(sizes: Record<string, number>): string {
  const dir = mkdtempSync(join(tmpdir(), 'osmith-conf-'));
  for (const [path, size] of Object.entries(sizes)) {
    const file = join(dir, 'conf', path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, Buffer.alloc(size, path));
  }
  return dir;
}

/** What the plan says to these files, and then the step. */
async function make(sizes: Record<string, number>, size: number) {
  const dir = workspace(sizes);
  const { files } = configFiles(dir, 'conf', size);
  const content = Object.entries(files).map(
    ([path, input]) => [input, readFileSync(join(dir, 'conf', path))] as const,
  );
  const params = { size, label: 'EVE', files, marker: MARKER };
  return (await runStep('config-volume', params, Object.fromEntries(content))).files['image']!;
}

/** `count` names in `directory`, each of so many characters. */
function names(count: number, length: number, directory = ''): Record<string, number> {
  const all = Array.from({ length: count }, (_, i) => `${directory}${String(i).padStart(length, 'n')}`);
  return Object.fromEntries(all.map((name) => [name, 1]));
}

describeWith(['mkfs.vfat', 'mcopy', 'mmd', 'mdir', 'fsck.fat'], 'a configuration volume', () => {
  test.each([
    // Directories of 2 + 14 × 9 and of 2 + 9 + 1 entries, 64 to a cluster; the rest for one file.
    ['1 MiB', MIB, { ...names(14, 100, 'sub/'), ...names(1, 100, 'sub/more/'), 'sub/more/a': 1 }, 3 + 1 + 16],
    ['5 MiB', 5 * MIB, names(1, 30, 'a/'), 1 + 1],
  ] as const)('of %s takes what fills it, and not a byte more', { timeout: 300_000 }, async (...row) => {
    const [, size, more, clusters] = row;
    const big = capacity(size) - clusters * 2048;
    const image = await make({ ...more, big }, size);
    expect(run(['fsck.fat', '-n', image])).toMatchObject({ status: 0 });
    const env = { MTOOLS_SKIP_CHECK: '1', TZ: 'UTC' };
    const listing = run(['mdir', '-/', '-i', image, '::'], { env }).stdout;
    for (const path of Object.keys(more)) expect(listing).toContain(path.split('/').at(-1));
    expect(listing).toContain(' 0 bytes free');
    await expect(make({ ...more, big: big + 1 }, size)).rejects.toThrow('which has room for');
  });

  test('has room for so many names in its root', { timeout: 300_000 }, async () => {
    // 55 names of nine entries each, and seven of one: all but those for label and marker.
    const most = { ...names(55, 100), ...names(7, 2) };
    const image = await make(most, MIB);
    expect(run(['fsck.fat', '-n', image])).toMatchObject({ status: 0 });
    await expect(make({ ...most, xy: 1 }, MIB)).rejects.toThrow('more names than');
  });
});
