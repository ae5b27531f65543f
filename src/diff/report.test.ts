/** What `osmith diff` says of two builds. */
import { expect, test } from 'vitest';
import { compareBuilds } from './builds.ts';
import { buildReport, textReport } from './report.ts';

const build = (sha256: string, more: object) => ({
  manifest: JSON.stringify({
    artifacts: [{ name: 'x.raw', size: 1, sha256 }],
    images: { raw: { file: 'x.raw', ...more } },
    epoch: 1,
  }),
  config: undefined,
});
const report = (a: object, b: object, digest = 'a') =>
  textReport(buildReport(compareBuilds(build('a', a), build(digest, b))));

test('what the manifest says of an artifact that differs is told once, of one that does not it is told', () => {
  expect(report({ compressed_size: 1 }, { compressed_size: 2 }, 'b')).not.toContain('images.');
  expect(report({ signature: null }, { signature: 'x.asc' })).toContain('images.raw.signature');
});
