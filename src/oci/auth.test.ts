import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { scratch } from '../disk/testing.ts';
import { findCredentials } from './auth.ts';
import { parseChallenge } from './http.ts';
import { parseMirror } from './registry.ts';

async function find(file: unknown, registry: string, repository = 'a/b'): Promise<unknown> {
  const credentials = join(scratch(), 'auth.json');
  writeFileSync(credentials, JSON.stringify(file));
  return findCredentials(registry, repository, ['/nonexistent', credentials]);
}

const auth = (text: string) => ({ auth: Buffer.from(text).toString('base64') });

test('credentials are those of the longest name that fits', async () => {
  const auths = { 'r.io': auth('host:1'), 'r.io/a': auth('team:2'), 'r.io/a/b': auth('repo:3:4') };
  expect(await find({ auths }, 'r.io')).toEqual({ username: 'repo', password: '3:4' });
  expect(await find({ auths }, 'r.io', 'a/c')).toEqual({ username: 'team', password: '2' });
  expect(await find({ auths }, 'r.io', 'x')).toEqual({ username: 'host', password: '1' });
  expect(await find({ auths }, 'other.io')).toBeUndefined();
  const docker = { auths: { 'https://index.docker.io/v1/': auth('me:pw') } };
  expect(await find(docker, 'docker.io')).toEqual({ username: 'me', password: 'pw' });
  const token = { auths: { 'r.io': { ...auth('00000000:'), identitytoken: 'T' } } };
  expect(await find(token, 'r.io')).toMatchObject({ identityToken: 'T' });
});

test('a challenge is taken apart', () => {
  const header = 'Bearer realm="https://auth.example/token",service="a, b",scope="repository:x:pull"';
  expect(parseChallenge(header)).toEqual({
    scheme: 'bearer',
    parameters: { realm: 'https://auth.example/token', service: 'a, b', scope: 'repository:x:pull' },
  });
});

test.each([['mirror.example'], ['ftp://x'], ['docker.io='], ['=http://x']])('%s is no mirror', (text) => {
  expect(() => parseMirror(text)).toThrow(/is no mirror/);
});
