import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { scratch } from '../../disk/testing.ts';
import { filesOf } from './git.ts';
import { lintDockerfile } from './lint-dockerfile.ts';

const TARBALL = 'root';
const SHA = createHash('sha256').update(TARBALL).digest('hex');
const GOOD = `FROM alpine:3 AS verify
COPY root.tar.zst /rootfs.tar.zst
RUN curl -sSfL -o /other https://forge.example/other && echo "${SHA}  /rootfs.tar.zst" | sha256sum -c -
FROM scratch
COPY --from=verify /rootfs/ /
CMD ["/bin/sh"]
`;

async function faults(text: string): Promise<string> {
  const dir = scratch();
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', dir, '-c', 'user.name=t', '-c', 'user.email=t@t', ...args], {
      encoding: 'utf8',
    });
  git('init', '-q');
  mkdirSync(join(dir, 'd'));
  writeFileSync(join(dir, 'd/Dockerfile'), text);
  writeFileSync(join(dir, 'd/root.tar.zst'), TARBALL);
  git('add', '-A');
  git('commit', '-qm', 'x');
  const options = { repository: dir };
  return (await lintDockerfile(await filesOf('HEAD', 'd', options), 'Dockerfile', options)).join('\n');
}

it('takes a Dockerfile of official images that checks what it downloads', async () => {
  expect(await faults(GOOD)).toBe('');
});

it.each([
  [
    'FROM alpine:3',
    'FROM registry.example/alpine:3',
    /registry\.example\/alpine:3, which is no official image/,
  ],
  ['FROM alpine:3', 'FROM me/alpine', /built from me\/alpine/],
  ['--from=verify', '--from=me/tools', /built from me\/tools/],
  ['https://forge', 'http://forge', /takes http:\/\/forge\.example\/other without TLS/],
  [' | sha256sum -c -', '', /downloads what it does not compare/],
  [SHA, '0'.repeat(64), /root\.tar\.zst has another checksum/],
  ['COPY root.tar.zst', 'COPY rot.tar.zst', /rot\.tar\.zst is missing/],
  ['CMD', 'ENTRYPOINT', /has an ENTRYPOINT.*override-cmd/],
  ['FROM alpine:3 AS verify', 'RUN true', /RUN comes before the first FROM/],
])('with %j made %j it is refused', async (from, to, message) => {
  expect(GOOD).toContain(from);
  expect(await faults(GOOD.replace(from, to))).toMatch(message);
});
