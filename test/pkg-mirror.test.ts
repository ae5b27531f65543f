/** Packages whose Debian packages come out of a mirror of recorded ones. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { fileOf, packageRepo } from './support/package-repo.ts';

const ARCH = execFileSync('dpkg', ['--print-architecture'], { encoding: 'utf8' }).trim();
const OTHER = ARCH === 'amd64' ? 'arm64' : 'amd64';

const TOOL = `ARG MIRROR
FROM $MIRROR AS build
ENV BUILD_PKGS="jq" PKGS="jq" PKGS_${ARCH}="busybox-static" PKGS_${OTHER}="no-such"
RUN mirror-deploy && ls /sys/class/net | jq -R . > /out/made
RUN sed -i s/jq/qj/ /mirror/dists/*/main/*/Packages && ! apt-get update
FROM scratch
COPY --from=build /out /
`;

test('packages are built from a mirror of recorded packages without network', async () => {
  const repo = await packageRepo();
  onTestFinished(() => repo.remove());
  const { dir, host } = repo;
  repo.put('pkg/archive/debian.yml', `org: ${host}/acme\nmirror: true\npackages: [jq, busybox-static]\n`);
  repo.put(
    'pkg/tool/build.yml',
    `image: tool\norg: ${host}/acme\nbuildArgs: ["MIRROR=@lkt:pkg:../archive"]\n`,
  );
  repo.put('pkg/tool/Dockerfile', TOOL);
  const commit = () => (repo.git('add', '-A'), repo.git('commit', '-q', '-m', 'mirror'));
  commit();
  const unlocked = await repo.run('pkg', 'build', 'pkg/tool');
  expect([unlocked.exitCode, unlocked.all]).toEqual([2, expect.stringContaining('error[E_DRIFT]') as string]);
  await repo.good('lock', 'pkg/archive', '--update');
  const lock = readFileSync(join(dir, 'pkg/archive/debian.lock'), 'utf8');
  expect(lock).toMatch(new RegExp(`^extra jq ${ARCH} \\S+@sha256:[0-9a-f]{64}$`, 'm'));
  commit();
  expect((await repo.good('pkg', 'deps', 'pkg/tool')).stdout).toBe('tool: archive');
  expect((await repo.good('pkg', 'check', 'pkg/tool', 'pkg/archive')).stdout).toContain('2 packages');
  await repo.good('pkg', 'build', '--output', 'out-tool', 'pkg/tool');
  const tag = (await repo.good('pkg', 'show-tag', 'pkg/tool')).stdout;
  expect(fileOf(`oci:${dir}/out-tool:${tag}`, 'made')).toBe('"lo"\n');
  expect(fileOf(`oci:${dir}/out-tool:${tag}`, 'var/lib/dpkg/status.d/libc6')).toContain('Package: libc6\n');

  // A file that is not the recorded one is not taken.
  repo.put(
    'pkg/archive/debian.lock',
    lock.replaceAll(/(?<=^extra jq .*sha256:)[0-9a-f]{64}/gm, '0'.repeat(64)),
  );
  const other = await repo.run('pkg', 'build', 'pkg/archive');
  expect([other.exitCode, other.all]).toEqual([5, expect.stringContaining('jq') as string]);
});
