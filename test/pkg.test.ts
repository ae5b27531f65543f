/** Packages built by the real command out of a real repository, pushed to a real registry, composed and locked. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { layerTar, writeLayout } from '../src/oci/testing.ts';
import { jsonLines } from './support/osmith.ts';
import { fileOf, packageRepo, skopeo, type PackageRepo } from './support/package-repo.ts';

let repo: PackageRepo;
let dir = '';
let host = '';

/** A program that needs nothing else. */
const BUSYBOX = '/bin/busybox';
const ARCH = execFileSync('dpkg', ['--print-architecture'], { encoding: 'utf8' }).trim();
const OTHER = ARCH === 'amd64' ? 'arm64' : 'amd64';

const put = (name: string, text: string) => repo.put(name, text);
const git = (...args: string[]) => repo.git(...args);
const run = (...args: string[]) => repo.run(...args);
const good = (...args: string[]) => repo.good(...args);
async function digests(...args: string[]): Promise<Record<string, unknown>[]> {
  return jsonLines(await good('pkg', 'build', '--json', ...args)).filter(({ type }) => type === 'image');
}
interface Config {
  architecture: string;
  created: string;
  config: { Labels: Record<string, string> };
}

const APP = `ARG BASE=nothing
FROM \${BASE} AS build
ARG PKG_HASH
ARG KBUILD_BUILD_TIMESTAMP
COPY . /src
RUN echo "$PKG_HASH $KBUILD_BUILD_TIMESTAMP" $(cat /src/lib/lib.txt) $(ls /sys/class/net) > /out
RUN tar -tf /src/images/base.tar > /list
FROM scratch
COPY --from=build /out /list /
`;

beforeAll(async () => {
  repo = await packageRepo();
  ({ dir, host } = repo);
  put('pkg/base/build.yml', `image: base\norg: ${host}/acme\narches: [amd64, arm64]\n`);
  put(
    'pkg/base/Dockerfile',
    'FROM scratch\nCOPY busybox /bin/busybox\nCOPY busybox /bin/sh\nENV PATH=/bin\nRUN ["busybox", "--install", "-s", "/bin"]\n',
  );
  copyFileSync(BUSYBOX, join(dir, 'pkg/base/busybox'));
  put('common/lib.txt', 'lib\n');
  put('pkg/app/Dockerfile', APP);
  put(
    'pkg/app/build.yml',
    `image: app\norg: ${host}/acme\narches: [amd64, arm64]\nextra-sources: ["../../common:lib"]\nbuildArgs: ["BASE=@lkt:pkg:../base"]
config: {capabilities: [CAP_KILL]}\ndepends: {docker-images: {target: images/base.tar, list: ["test/kernel:1"]}}\n`,
  );
  put('pkg/data/build.yml', `image: data\norg: ${host}/acme\narches: [amd64, arm64]\n`);
  put('pkg/data/Dockerfile', 'FROM scratch\nARG TARGETARCH\nLABEL arch=$TARGETARCH\nCOPY Dockerfile /file\n');
  put(
    'images/system.yml.in',
    'kernel: {image: test/kernel:1}\ninit: [DATA_TAG]\nonboot:\n  - {name: app, image: "@pkg:../pkg/app"}\n',
  );
  git('add', '-A');
  git('commit', '-q', '-m', 'one');
  layout('v1');
});
afterAll(() => repo.remove());

/** The image from elsewhere. */
function layout(content: string): void {
  rmSync(join(dir, 'out-layout'), { recursive: true, force: true });
  const kernel = layerTar([
    { name: 'kernel', content, mode: 0o755 },
    { name: 'kernel.tar', content: layerTar([]) },
  ]);
  writeLayout(join(dir, 'out-layout'), [{ name: 'docker.io/test/kernel:1', layers: [kernel], arch: ARCH }]);
}

const LAYOUT = ['--layout', 'out-layout'];

test('a package is built with what it is made from, without network, and not again without cause', async () => {
  const [app] = await digests(...LAYOUT, '--output', 'out-app', 'pkg/app');
  const tag = (await good('pkg', 'show-tag', 'pkg/app')).stdout;
  expect(app).toMatchObject({ package: 'app', reference: tag, arch: ARCH });
  const hash = execFileSync('sha1sum', {
    input: git('rev-parse', 'HEAD:pkg/app') + git('rev-parse', 'HEAD:common'),
  })
    .toString()
    .split(' ')[0];
  expect(tag).toBe(`${host}/acme/app:${hash}`);
  const time = git('log', '-1', '--format=%cd', '--date=format-local:%Y-%m-%d %H:%M:%S');
  expect(fileOf(`oci:${dir}/out-app:${tag}`, 'out')).toBe(`${hash} ${time} UTC lib lo\n`);
  expect(fileOf(`oci:${dir}/out-app:${tag}`, 'list')).toContain('index.json\noci-layout\n');
  const config = JSON.parse(skopeo('inspect', '--config', `oci:${dir}/out-app:${tag}`)) as Config;
  expect(config.config.Labels).toEqual({
    'org.opencontainers.image.revision': git('rev-parse', 'HEAD'),
    'org.mobyproject.config': '{"capabilities": ["CAP_KILL"]}',
    'org.mobyproject.linuxkit.version': expect.stringMatching(/^osmith /) as string,
  });

  // Neither a commit elsewhere nor another checkout is a cause; the same bits come out if it is built nevertheless.
  git('commit', '-q', '--allow-empty', '-m', 'elsewhere');
  expect((await good('pkg', 'build', '--dry-run', ...LAYOUT, 'pkg/app')).stdout).toMatch(
    /^\S+base-\w+ {2}cached\n\S+app-\w+ {2}cached$/,
  );
  const [again] = await digests(...LAYOUT, '--force', 'pkg/app');
  expect(again).toEqual(app);
  put('pkg/base/more', 'more\n');
  const why = (await good('pkg', 'build', '--dry-run', ...LAYOUT, 'pkg/app')).stdout;
  expect(why).toMatch(/base-\w+ {2}run {2}\S.*\n.*app-\w+ {2}(run|maybe) {2}\S/);
  expect(why).not.toContain('never built');
  rmSync(join(dir, 'pkg/base/more'));
});

test('both architectures are pushed, with an index; skopeo takes the right one', async () => {
  const pushed = await good(
    'pkg',
    'push',
    '--platforms',
    'linux/amd64,linux/arm64',
    '--release',
    'v1',
    'pkg/data',
  );
  const tag = (await good('pkg', 'show-tag', 'pkg/data')).stdout;
  expect(pushed.stdout).toContain(`pushed   ${tag}`);
  for (const name of [tag, `${host}/acme/data:v1`]) {
    for (const arch of [ARCH, OTHER]) {
      const source = `docker://${name}`;
      const config = JSON.parse(
        skopeo('inspect', '--tls-verify=false', `--override-arch=${arch}`, '--config', source),
      ) as Config;
      expect([config.architecture, config.config.Labels['arch']]).toEqual([arch, arch]);
    }
  }
  put('pkg/data/dirty', 'x\n');
  const refused = await run('pkg', 'push', '--release', 'v2', 'pkg/data');
  expect([refused.exitCode, refused.all]).toEqual([
    2,
    expect.stringContaining('data is not as it was committed') as string,
  ]);
  rmSync(join(dir, 'pkg/data/dirty'));
});

test('a stage that runs on the machine that builds is not emulated, whatever it is for', async () => {
  put('pkg/foreign/build.yml', 'image: foreign\n');
  put(
    'pkg/foreign/Dockerfile',
    `FROM --platform=linux/${ARCH} ${(await good('pkg', 'show-tag', 'pkg/base')).stdout} AS native\nRUN echo native > /made\nFROM scratch\nCOPY --from=native /made /made\n`,
  );
  git('add', '-A');
  git('commit', '-q', '-m', 'foreign');
  const built = await good('pkg', 'build', '--platforms', OTHER, '--output', 'out-foreign', 'pkg/foreign');
  expect(built.all).not.toContain('emulated');
  const tag = (await good('pkg', 'show-tag', '--canonical', 'pkg/foreign')).stdout;
  expect(fileOf(`oci:${dir}/out-foreign:${tag}`, 'made')).toBe('native\n');
});

test('a composition builds what it names, and obeys its lock file', async () => {
  const compose = (...more: string[]) =>
    run('compose', ...LAYOUT, ...more, '--output', 'out-system.tar', 'images/system.yml.in');
  const first = await compose();
  expect(first.exitCode, first.all).toBe(0);
  const listed = execFileSync('tar', ['-tf', join(dir, 'out-system.tar')], { encoding: 'utf8' });
  expect(listed).toContain('containers/onboot/000-app/lower/out\n');
  expect(execFileSync('tar', ['-xOf', join(dir, 'out-system.tar'), 'file'], { encoding: 'utf8' })).toContain(
    'TARGETARCH',
  );

  const lock = (...more: string[]) => run('lock', ...LAYOUT, 'images/system.yml.in', ...more);
  expect((await lock()).all).toContain('There is no lock file');
  const written = await lock('--update');
  expect(written.exitCode, written.all).toBe(0);
  git('add', '-A');
  git('commit', '-q', '-m', 'lock');
  expect([(await lock()).exitCode, (await compose()).exitCode]).toEqual([0, 0]);

  // The name means another image now; a package is another one.
  layout('v2');
  put('pkg/data/more', 'more\n');
  const drifted = await lock();
  expect([drifted.exitCode, drifted.all]).toEqual([2, expect.stringContaining('E_DRIFT') as string]);
  expect(drifted.all).toContain('tag DATA_TAG is');
  expect(drifted.all).toContain(`image docker.io/test/kernel:1 ${ARCH} is sha256:`);
  const refused = await compose();
  expect([refused.exitCode, refused.all]).toEqual([2, expect.stringContaining('tag DATA_TAG is') as string]);
  rmSync(join(dir, 'pkg/data/more'));
  // The image that is recorded is still in the store.
  expect((await compose()).exitCode).toBe(0);
  expect(
    execFileSync('tar', ['-xOf', join(dir, 'out-system.tar'), 'boot/kernel'], { encoding: 'utf8' }),
  ).toBe('v1');
  expect((await lock('--update', 'test/kernel')).exitCode).toBe(0);
  const changed = git('diff', '-U0', 'images/system.lock')
    .split('\n')
    .filter((line) => /^[-+][^-+]/.test(line));
  expect(changed).toEqual([
    expect.stringMatching(/^-image docker.io\/test\/kernel:1 \w+ sha256:/) as string,
    expect.stringMatching(/^\+image docker.io\/test\/kernel:1 \w+ sha256:/) as string,
  ]);
  expect((await compose()).exitCode).toBe(0);
  expect(
    execFileSync('tar', ['-xOf', join(dir, 'out-system.tar'), 'boot/kernel'], { encoding: 'utf8' }),
  ).toBe('v2');
});

test.each<[string, Record<string, string>, string, RegExp]>([
  [
    'an image that is nowhere',
    { 'pkg/bad/Dockerfile': 'FROM scratch\nCOPY --from=127.0.0.1:1/no/such:1 / /\n' },
    'E_NETWORK',
    /Cannot get 127.0.0.1:1\/no\/such:1/,
  ],
  [
    'a circle',
    {
      'pkg/bad/Dockerfile': 'ARG OTHER\nFROM ${OTHER}\n',
      'pkg/bad/build.yml': 'image: bad\nbuildArgs: ["OTHER=@lkt:pkg:../bad2"]\n',
      'pkg/bad2/build.yml': 'image: bad2\nbuildArgs: ["OTHER=@lkt:pkg:../bad"]\n',
      'pkg/bad2/Dockerfile': 'ARG OTHER\nFROM ${OTHER}\n',
    },
    'E_PKG',
    /bad needs itself: bad → bad2 → bad/,
  ],
  [
    'a computed argument',
    { 'pkg/bad/build.yml': 'image: bad\nbuildArgs:\n  - X=@lkt:what:x\n' },
    'E_PKG',
    /@lkt:what:x means nothing[^]*build.yml:3/,
  ],
  [
    'a pattern',
    { 'pkg/bad/build.yml': 'image: bad\nbuildArgs: ["X_%=@lkt:pkgs:../none*"]\n' },
    'E_PKG',
    /none\* matches no package/,
  ],
  [
    'a secret',
    { 'pkg/bad/Dockerfile': 'FROM scratch\nRUN --mount=type=secret,id=x true\n' },
    'E_PKG',
    /get no secrets: --mount=type=secret[^]*Dockerfile:2/,
  ],
  ['a command that fails', { 'pkg/bad/Dockerfile': 'FROM scratch\nCOPY missing /\n' }, 'E_TOOL', /missing/],
])('bad: %s', async (_what, files, code, message) => {
  const all = { 'pkg/bad/build.yml': 'image: bad\n', 'pkg/bad/Dockerfile': 'FROM scratch\n', ...files };
  for (const [name, text] of Object.entries(all)) put(name, text);
  git('add', '-A');
  git('commit', '-q', '-m', 'bad');
  const done = await run('pkg', 'build', 'pkg/bad');
  for (const name of Object.keys(all)) rmSync(join(dir, name), { force: true });
  expect(done.exitCode).not.toBe(0);
  expect(done.all).toContain(`error[${code}]`);
  expect(done.all).toMatch(message);
  expect(done.all).not.toMatch(/\n\s+at /);
});
