/** The appliance's build as a pattern: it builds, and its token says what `osmith build` has made. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { jsonLines, osmith } from './support/osmith.ts';

const PATTERN = 'workspace/patterns/appliance/main.jsonnet';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'osmith-test-'));
});
afterAll(async () => {
  await rm(dir, { recursive: true, force: true });
});

test('running it makes the artifacts and the token; a second run makes an equal one', async () => {
  const key = join(dir, 'release');
  expect((await osmith(['keys', 'generate', key])).exitCode).toBe(0);
  const build = async (out: string): Promise<string> => {
    const built = await osmith(['pattern', 'build', PATTERN, '--key', `${key}.key`, '--out', join(dir, out)]);
    expect(built.exitCode, built.all).toBe(0);
    return built.stdout;
  };
  const first = await build('a');
  const manifest = await readFile(join(dir, 'a/manifest.json'), 'utf8');
  const { name } = JSON.parse(manifest) as { name: string };
  expect(first).toBe(join(dir, 'a', `${name}.jwt`));

  const [shown] = jsonLines(await osmith(['--json', 'jwt', 'show', first, '--key', `${key}.pub`]));
  expect(shown).toMatchObject({ verified: true, claims: { sub: name, iss: 'osmith' } });
  const { claims } = shown as { claims: { buildManifest: string; pattern: { files: object } } };
  expect(JSON.parse(claims.buildManifest)).toEqual(JSON.parse(manifest));
  expect(Object.keys(claims.pattern.files)).toEqual([
    'patterns/appliance/main.jsonnet',
    'patterns/lib/build.libsonnet',
  ]);

  const second = await build('b');
  const compared = await osmith(['jwt', 'compare', first, second, '--key', `${key}.pub`]);
  expect(compared).toMatchObject({ exitCode: 0, stdout: 'The builds are equal' });
});
