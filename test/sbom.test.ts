/** What a build says is in it, against dpkg's own query; and two lists of sources, compared. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { defaultStoreDir } from '../src/env.ts';
import { osmith } from './support/osmith.ts';
import { lastResult, smallWorkspace, type Small } from './support/small.ts';

/** Steps are shared with other builds on this machine. */
const STORE = defaultStoreDir();
const ARCH = process.arch === 'x64' ? 'amd64' : 'arm64';
const NAME = `osmith_deb_${ARCH}`;
const FORMATS = 'spdx.json cdx.json sources.csv';

let small: Small;
/** Lines of `dpkg-query`: package, version, source, its version. */
let told: string[][];

const build = async (out: string, local = '') => {
  writeFileSync(join(small.workspace, 'config/local.ini'), `[image]\nformats_add = ${FORMATS}\n${local}`);
  const built = await small.run(['build', '--out', out], { env: { OSMITH_STORE: STORE } });
  expect(built.exitCode, built.all).toBe(0);
};
const read = (out: string, extension: string) => readFileSync(join(out, `${NAME}.${extension}`), 'utf8');
const at = (name: string) => join(small.dir, name);

beforeAll(async () => {
  small = smallWorkspace();
  await build(at('first'));
  const root = at('root');
  mkdirSync(root);
  const { result } = lastResult(STORE, 'refine/packages', `small-deb-${ARCH}-${ARCH}-base`);
  for (const { digest } of result.trees['tree']!.layers) {
    const layer = join(STORE, 'blobs/sha256', digest.slice(0, 2), digest);
    const args = ['-x', '-C', root, '-f', layer, '--wildcards', '*var/lib/dpkg/status'];
    await execa('tar', args, { reject: false }); // layers without such a file are an error to tar
  }
  const format = '${Package}\t${Version}\t${source:Package}\t${source:Version}\n';
  const query = ['--admindir', join(root, 'var/lib/dpkg'), '-W', '-f', format];
  told = (await execa('dpkg-query', query)).stdout.split('\n').map((line) => line.split('\t'));
  expect(told.length).toBeGreaterThan(60);
});

afterAll(() => small.remove());

test('both bills have what dpkg has, with licences; they are part of the manifest', () => {
  const packages = told.map(([name, version]) => `${name} ${version}`).sort();
  const spdx = JSON.parse(read(at('first'), 'spdx.json')) as {
    packages: { name: string; versionInfo: string; licenseComments?: string; externalRefs?: unknown[] }[];
  };
  const listed = spdx.packages.filter(({ externalRefs }) => externalRefs !== undefined);
  expect(listed.map(({ name, versionInfo }) => `${name} ${versionInfo}`).sort()).toEqual(packages);
  expect(listed.find(({ name }) => name === 'less')!.licenseComments).toContain('GPL-3');
  const cdx = JSON.parse(read(at('first'), 'cdx.json')) as {
    components: { components: { name: string; version: string; licenses?: object[] }[] }[];
  };
  const inner = cdx.components[0]!.components;
  expect(inner.map(({ name, version }) => `${name} ${version}`).sort()).toEqual(packages);
  expect(inner.filter(({ licenses }) => licenses !== undefined).length).toBeGreaterThan(packages.length / 3);
  const { artifacts } = JSON.parse(readFileSync(join(at('first'), 'manifest.json'), 'utf8')) as {
    artifacts: { name: string }[];
  };
  const names = FORMATS.split(' ').map((extension) => `${NAME}.${extension}`);
  expect(artifacts.map(({ name }) => name)).toEqual(expect.arrayContaining(names));
});

test('the list of sources is read by others, and says what one system has and the other has not', async () => {
  const script = 'import csv, json, sys; print(json.dumps(list(csv.DictReader(sys.stdin))))';
  const input = read(at('first'), 'sources.csv');
  const rows = JSON.parse((await execa('python3', ['-c', script], { input })).stdout) as {
    name: string;
    version: string;
    packages: string;
  }[];
  const sources = [...new Set(told.map(([, , source, version]) => `${source} ${version}`))];
  expect(rows.map(({ name, version }) => `${name} ${version}`).sort()).toEqual(sources.sort());
  expect(rows.flatMap(({ packages }) => packages.split(' ')).sort()).toEqual(
    told.map(([name]) => name).sort(),
  );

  await build(at('second'), '[refine]\npackages_add = tree\npackages_del = less\n');
  const list = (out: string) => join(at(out), `${NAME}.sources.csv`);
  const compare = (...args: string[]) => osmith(['sources', ...args]);
  const compared = await compare(list('first'), list('second'));
  expect(compared.exitCode, compared.all).toBe(1);
  const [summary, ...lines] = compared.stdout.trimEnd().split('\n');
  expect(summary).toMatch(new RegExp(`in both: ${sources.length - 1}$`));
  expect(lines).toEqual([
    expect.stringMatching(/^- deb less \S+ {2}\(less\)$/),
    expect.stringMatching(/^\+ deb tree \S+ {2}\(tree\)$/),
  ]);
  expect(await compare(list('first'), list('first'))).toMatchObject({ exitCode: 0 });
  expect(await compare(list('first'), list('second'), '--types', 'rpm')).toMatchObject({ exitCode: 0 });
  writeFileSync(at('broken.csv'), `${input.split('\n').slice(0, 3).join('\n')}\ndeb,only\n`);
  const broken = await compare(list('first'), at('broken.csv'));
  expect([broken.exitCode, broken.stderr]).toEqual([2, expect.stringMatching(/broken\.csv:4/)]);
});
