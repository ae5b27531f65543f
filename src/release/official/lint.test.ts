import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { filesOf } from './git.ts';
import { formatLibrary, parseLibrary } from './library.ts';
import { lintHistory } from './lint-history.ts';
import { lintLibrary } from './lint-library.ts';
import { lintOci } from './lint-oci.ts';

const COMMIT = '53772c74cb3aa87b0d4800ead6c6cba30ad35584';
const GOOD = `# https://forge.example/os/os-docker

Maintainers: Ada Lovelace <ada@forge.example> (@ada),
             Grace Hopper (@grace-h)
GitRepo: https://forge.example/os/os-docker.git
GitFetch: refs/heads/dist

Tags: latest, base, base-20260816.0.574111
GitCommit: ${COMMIT}
File: Dockerfile.base

Tags: base-devel
GitCommit: ${COMMIT}
amd64-Directory: devel
SharedTags: devel
`;

function messages(text: string): string[] {
  const { library, faults } = parseLibrary(text, 'lib');
  return [...faults, ...lintLibrary(library, 'lib')].map(
    ({ message, where }) => `${where?.line ?? '-'}: ${message}`,
  );
}

describe('library files', () => {
  it('are read as they were written', () => {
    expect(messages(GOOD)).toEqual([]);
    const { library } = parseLibrary(GOOD, 'lib');
    expect(library.comments).toEqual(['https://forge.example/os/os-docker']);
    expect(library.entries.map((entry) => entry.get('Tags')!.value)).toEqual([
      'latest, base, base-20260816.0.574111',
      'base-devel',
    ]);
    const again = formatLibrary(
      library.comments,
      [library.global, ...library.entries].map((paragraph) =>
        Object.fromEntries(
          [...paragraph].map(([name, { value }]) => [
            name,
            name === 'Maintainers' ? value.split(/, */) : value,
          ]),
        ),
      ),
    );
    expect(again).toBe(GOOD);
  });

  // Each breaks one rule of the good file.
  it.each([
    [`GitCommit: ${COMMIT}\nFile`, 'GitCommit: 53772c7\nFile', /^9: GitCommit must be a whole commit id/],
    ['GitCommit: 5', 'GitCommit: G', /^9: GitCommit must be a whole commit id/],
    ['refs/heads/dist', 'dist', /^6: GitFetch must be refs/],
    ['refs/heads/dist', 'refs/heads/*', /^6: GitFetch must be refs/],
    ['https://forge.example/os/os-docker.git', 'git@forge.example:os.git', /^5: GitRepo must be an https/],
    ['latest, base,', 'latest, -base,', /^8: No tag of an image: -base/],
    ['latest, base,', 'latest, base, latest,', /^8: The tag latest stands twice/],
    ['Tags: base-devel', 'Tags: base', /^12: The tag base stands twice/],
    ['SharedTags: devel', 'SharedTags: latest', /^15: The tag latest is both of one entry and shared/],
    ['File: Dockerfile.base', 'File: ../Dockerfile', /^10: File must be a path inside/],
    ['amd64-Directory', 'amd46-Directory', /^14: There is no field amd46-Directory/],
    ['Tags: base-devel', 'Tag: base-devel', /^12: There is no field Tag/],
    ['(@ada)', '(ada)', /^3: No maintainer: Ada/],
    ['File: Dockerfile.base', 'Builder: kaniko', /^10: Builder must be one of/],
    ['File: Dockerfile.base', 'Builder: oci-import', /^8: With Builder oci-import, File must be index.json/],
    ['File: Dockerfile.base', 'Architectures: amd64, arm64', /^10: There is no architecture arm64/],
    ['File: Dockerfile.base', 'Architectures: amd64\n no field\nwhat', /^12: This line is no field/],
    ['Maintainers:', 'Constraints:', /^-: Maintainers is missing/],
    [
      `Tags: base-devel\nGitCommit: ${COMMIT}`,
      'Tags: base-devel',
      /^12: This entry has no GitCommit for amd64/,
    ],
    ['GitFetch: refs/heads/dist', `GitCommit: ${COMMIT}`, /^6: GitCommit belongs to an entry/],
  ])('with %j made %j are refused', (from, to, message) => {
    expect(GOOD).toContain(from);
    expect(messages(GOOD.replace(from, to)).join('\n')).toMatch(new RegExp(message.source, 'm'));
  });
});

const dirs: string[] = [];
afterAll(() => {
  for (const dir of dirs) rmSync(dir, { recursive: true });
});

/** A repository with one commit for each set of files. */
function repository(...commits: Record<string, string | Buffer>[]): { repository: string; commit: string } {
  const dir = mkdtempSync(join(tmpdir(), 'osmith-official-'));
  dirs.push(dir);
  const run = (...args: string[]) =>
    execFileSync('git', ['-C', dir, '-c', 'user.name=t', '-c', 'user.email=t@t', ...args], {
      encoding: 'utf8',
    });
  run('init', '-q', '-b', 'dist');
  for (const files of commits) {
    run('rm', '-rq', '--ignore-unmatch', '.');
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(dir, path)), { recursive: true });
      writeFileSync(join(dir, path), content);
    }
    run('add', '-A');
    run('commit', '-qm', 'one');
  }
  return { repository: dir, commit: run('rev-parse', 'HEAD').trim() };
}

describe('the history of a commit', () => {
  const tarball = (fill: number) => Buffer.alloc(2_500_000, fill);

  it('may hold one tarball, in that commit', async () => {
    const { commit, ...options } = repository({ 'a.tar.zst': tarball(1), Dockerfile: 'FROM scratch\n' });
    expect(await lintHistory(commit, 'refs/heads/dist', options)).toEqual([]);
  });

  it('must not hold an earlier one', async () => {
    const { commit, ...options } = repository({ 'a.tar.zst': tarball(1) }, { 'a.tar.zst': tarball(2) });
    expect(await lintHistory(commit, 'refs/heads/dist', options)).toEqual([
      'The history still holds a.tar.zst of an earlier commit, 2.5 MB: begin the branch anew',
    ]);
  });

  it('must not hold what git servers refuse, nor what git-lfs keeps elsewhere', async () => {
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 1\n`;
    const { commit, ...options } = repository({ big: Buffer.alloc(100_000_001), 'b.tar.xz': pointer });
    expect((await lintHistory(commit, 'refs/heads/dist', options)).sort()).toEqual([
      'b.tar.xz is kept in git-lfs, which is not fetched for official images',
      'big has 100.0 MB: git servers take 100.0 MB at most',
    ]);
  });

  it('must lead to the commit', async () => {
    const { commit, ...options } = repository({ a: '1' });
    expect(await lintHistory(commit, 'refs/heads/main', options)).toEqual([
      'The repository has no refs/heads/main',
    ]);
    expect(await lintHistory('0'.repeat(40), 'refs/heads/dist', options)).toEqual([
      `The repository has no commit ${'0'.repeat(40)}`,
    ]);
    execFileSync('git', ['-C', options.repository, 'checkout', '-q', '--orphan', 'other']);
    execFileSync('git', [
      '-C',
      options.repository,
      '-c',
      'user.name=t',
      '-c',
      'user.email=t@t',
      'commit',
      '-qm',
      'x',
    ]);
    expect(await lintHistory(commit, 'refs/heads/other', options)).toEqual([
      `refs/heads/other does not lead to the commit ${commit}`,
    ]);
  });
});

describe('image layouts in git', () => {
  const type = (name: string) => `application/vnd.oci.image.${name}`;
  const sha256 = (data: string) => createHash('sha256').update(data).digest('hex');

  function layout(change: (parts: Record<string, unknown>) => void = () => {}): Record<string, string> {
    const files: Record<string, string> = {};
    const put = (mediaType: string, data: string) => {
      files[`img/blobs/sha256/${sha256(data)}`] = data;
      return { mediaType, digest: `sha256:${sha256(data)}`, size: data.length };
    };
    const config = { os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [] } };
    const manifest = { schemaVersion: 2, mediaType: type('manifest.v1+json') };
    const index = { schemaVersion: 2, mediaType: type('index.v1+json') };
    const parts: Record<string, unknown> = {
      config,
      manifest,
      index,
      extra: [],
      layer: 'v1.tar+zstd',
      files,
    };
    change(parts);
    const image = put(
      type('manifest.v1+json'),
      JSON.stringify({
        ...(parts['manifest'] as object),
        config: put(type('config.v1+json'), JSON.stringify(parts['config'])),
        layers: [put(type(`layer.${parts['layer'] as string}`), 'layer')],
      }),
    );
    files['img/oci-layout'] = '{"imageLayoutVersion":"1.0.0"}';
    files['img/index.json'] = JSON.stringify({
      ...(parts['index'] as object),
      manifests: [image, ...(parts['extra'] as [])],
    });
    return files;
  }

  async function faults(files: Record<string, string>, arch = 'amd64'): Promise<string> {
    const { commit, ...options } = repository(files);
    return (await lintOci(await filesOf(commit, 'img', options), arch, options)).join('\n');
  }

  it('with one image are taken', async () => {
    expect(await faults(layout())).toBe('');
    expect(
      await faults(
        layout((parts) => Object.assign(parts['config'] as object, { architecture: 'arm64', variant: 'v8' })),
        'arm64v8',
      ),
    ).toBe('');
  });

  it.each<[RegExp, (parts: Record<string, unknown>) => void]>([
    [
      /exactly one manifest/,
      (parts) =>
        (parts['extra'] = [
          { mediaType: type('manifest.v1+json'), digest: `sha256:${'0'.repeat(64)}`, size: 1 },
        ]),
    ],
    [/Unrecognized key: "subject"/, (parts) => Object.assign(parts['manifest'] as object, { subject: {} })],
    [/layers.0.mediaType/, (parts) => (parts['layer'] = 'v1.tar+xz')],
    [
      /is for linux\/arm64, and the entry for amd64/,
      (parts) => Object.assign(parts['config'] as object, { architecture: 'arm64' }),
    ],
    [
      /index.json: mediaType/,
      (parts) =>
        Object.assign(parts['index'] as object, {
          mediaType: 'application/vnd.docker.distribution.manifest.list.v2+json',
        }),
    ],
  ])('are refused: %s', async (message, change) => {
    expect(await faults(layout(change))).toMatch(message);
  });

  it('whose blobs are altered, cut off or missing are refused', async () => {
    const files = layout();
    const layer = `img/blobs/sha256/${sha256('layer')}`;
    expect(await faults({ ...files, [layer]: 'lAyer' })).toMatch(/\(a layer\) has other contents/);
    expect(await faults({ ...files, [layer]: 'laye' })).toMatch(/has 4 bytes instead of 5/);
    const without = Object.fromEntries(Object.entries(files).filter(([path]) => path !== layer));
    expect(await faults(without)).toBe(`${layer.slice(4)} is missing`);
  });
});
