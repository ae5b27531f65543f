import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { NAME, noise, releaseTo, signer, verifyWith, writeBuild } from '../testing.ts';
import { verifyPublished } from '../verify.ts';
import { publisherConformance } from './conformance.ts';
import { openPublisher, openReader } from './index.ts';
import { lacksS3, startS3, type S3Server } from './s3-bench.ts';
import { s3Client, type S3Client } from './s3-client.ts';
import { lockS3 } from './s3-lock.ts';
import { s3Reader } from './s3-reader.ts';
import { bucketUrl, readProfile, readSettings } from './s3-settings.ts';
import { sign } from './s3-sign.ts';
import { listUploads, partSize } from './s3-upload.ts';
import { contentHeaders, parseBucket } from './s3.ts';
import { cuttingProxy, faultyProxy, type CuttingProxy, type Fault, type FaultyProxy } from './testing.ts';

vi.setConfig({ testTimeout: 300_000, hookTimeout: 60_000 });

test('a signature is that of the example in the documentation of S3', () => {
  const unsigned = {
    ...{ method: 'GET', url: new URL('https://examplebucket.s3.amazonaws.com/test.txt') },
    ...{ headers: { range: 'bytes=0-9' }, body: Buffer.alloc(0) },
  };
  const credentials = {
    accessKey: 'AKIAIOSFODNN7EXAMPLE',
    secret: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  };
  const { authorization } = sign(unsigned, credentials, 'us-east-1', Date.UTC(2013, 4, 24));
  expect(authorization).toMatch(/=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41$/);
});

test('places, addresses, profiles, types', () => {
  expect(parseBucket('bucket')).toEqual({ bucket: 'bucket', prefix: '' });
  expect(parseBucket('my.bucket/a/b c/')).toEqual({ bucket: 'my.bucket', prefix: 'a/b c/' });
  for (const wrong of ['', 'B', 'a_b/x', '/x', 'bucket/../x', 'bucket/a\nb'])
    expect(() => parseBucket(wrong), wrong).toThrow(/names no place/);
  expect(bucketUrl('one', 'eu-north-1').href).toBe('https://one.s3.eu-north-1.amazonaws.com/');
  expect(bucketUrl('one.two', 'eu-north-1').href).toBe('https://s3.eu-north-1.amazonaws.com/one.two/');
  expect(bucketUrl('one', 'x', 'http://127.0.0.1:9/base/').href).toBe('http://127.0.0.1:9/base/one/');
  expect(() => bucketUrl('one', 'x', 'ftp://host')).toThrow(/AWS_ENDPOINT_URL/);
  const text =
    '# c\n[other]\nregion=x\n[ profile me ]\nregion = y # z\ns3 =\n  endpoint_url = nested\n[last]\nregion=w';
  expect(readProfile(text, ['me', 'profile me'])).toEqual({ region: 'y # z', s3: '' });
  expect(contentHeaders('a/b.raw.xz')).toEqual({ 'content-type': 'application/x-xz' });
  expect(contentHeaders('a/b.raw.asc')['content-disposition']).toBe('attachment');
  expect(contentHeaders('a/b.initrd')).toEqual({ 'content-type': 'application/octet-stream' });
  expect(partSize(1)).toBe(8 * 2 ** 20);
  for (const size of [1e11, 5e12]) expect(Math.ceil(size / partSize(size))).toBeLessThanOrEqual(10_000);
});

const lacks = await lacksS3();
if (lacks !== undefined) test.skip(`with a real S3 server: ${lacks} (\`make test\` as root installs it)`);

describe.skipIf(lacks !== undefined)('with a real S3 server', () => {
  let bench: string;
  let dir: string;
  let server: S3Server;
  let proxy: CuttingProxy;
  let client: S3Client;
  let bucket: string;
  let count = 0;
  beforeAll(async () => {
    bench = await mkdtemp(join(tmpdir(), 'osmith-s3-'));
    server = await startS3(bench);
  });
  afterAll(async () => {
    await server.close();
    await rm(bench, { recursive: true, force: true });
  });
  const reach = (port: number) => vi.stubEnv('AWS_ENDPOINT_URL_S3', `http://127.0.0.1:${port}`);
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'osmith-s3-test-'));
    proxy = await cuttingProxy(server.port);
    for (const [name, value] of Object.entries(server.owner)) vi.stubEnv(name, value);
    vi.stubEnv('AWS_CONFIG_FILE', join(dir, 'none'));
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', join(dir, 'none'));
    reach(server.port);
    bucket = `bucket-${(count += 1)}`;
    const settings = await readSettings(bucket);
    client = s3Client('test', async () => settings);
    await client.send('PUT', '');
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await proxy.close();
    await rm(dir, { recursive: true, force: true });
  });

  const PREFIX = 'some where/é';
  const open = (name = 'demo') => openPublisher({ target: `s3://${bucket}/${PREFIX}`, name });
  /** What a client sees, through the client of this test. */
  const seen = async (path: string) => {
    const { status, body } = await client.send('GET', `${PREFIX}/${path}`, { allow: [404] });
    return status === 404 ? undefined : body;
  };
  /** Swift finds a file by listing its directory: one that is replaced in between is missing for that one look. */
  const seenAtLast = async (path: string) => (await seen(path)) ?? (await seen(path)) ?? (await seen(path));
  const reader = () => openReader({ target: `s3://${bucket}/${PREFIX}` });
  const wrongs = async () => {
    // Not through what cuts connections.
    const straight = s3Reader(client, `${PREFIX}/`, 'bucket');
    const checks = await verifyPublished({ reader: straight, verify: verifyWith(signer) }, NAME);
    return checks.filter(({ ok }) => !ok);
  };

  publisherConformance('s3', {
    open: async () => open(),
    again: async (name) => open(name),
    work: () => dir,
    seen: seenAtLast,
    reader,
    foreign: async (path, content) =>
      void (await client.send('PUT', `${PREFIX}/${path}`, { body: Buffer.from(content) })),
  });

  test('credentials that are wrong, of somebody else, or not there; no bucket', async () => {
    const secret = 'wrong-secret-of-a-test';
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', secret);
    const failure = await open()
      .list('demo')
      .catch((error: unknown) => error as Error & { code: string; details: object });
    expect(failure).toMatchObject({
      code: 'E_TARGET',
      message: expect.stringMatching(/SignatureDoesNotMatch/) as string,
    });
    expect(JSON.stringify([failure, (failure as Error).message])).not.toContain(secret);
    await expect(open().put('demo/a', Buffer.from('x'))).rejects.toMatchObject({ code: 'E_TARGET' });
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'test2:other');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'right-secret');
    await expect(open().lock()).rejects.toMatchObject({ code: 'E_TARGET' });
    vi.stubEnv('AWS_ACCESS_KEY_ID', '');
    await expect(open().lock()).rejects.toMatchObject({
      code: 'E_TARGET',
      message: expect.stringMatching(/no credentials/) as string,
    });
    const file = join(dir, 'credentials');
    await writeFile(file, '[me]\naws_access_key_id = test:owner\naws_secret_access_key = right-secret\n');
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', file);
    vi.stubEnv('AWS_PROFILE', 'me');
    expect(await open().list('demo')).toEqual([]);
    const nowhere = openPublisher({ target: 's3://no-such-bucket', name: 'demo' });
    await expect(nowhere.lock()).rejects.toMatchObject({
      code: 'E_TARGET',
      message: expect.stringMatching(/NoSuchBucket/) as string,
    });
    expect(await seen('demo/a')).toBeUndefined();
  });

  test('types, and what web caches may keep', async () => {
    const target = open();
    await target.put('demo/a/b.xz', Buffer.from('x'));
    await target.put('demo/a/b.xz.asc', Buffer.from('x'));
    await target.commit('demo.jwt', Buffer.from('x'));
    const headers = async (path: string) => (await client.send('HEAD', `${PREFIX}/${path}`)).headers;
    expect((await headers('demo/a/b.xz')).get('content-type')).toBe('application/x-xz');
    expect((await headers('demo/a/b.xz.asc')).get('content-disposition')).toBe('attachment');
    expect((await headers('demo.jwt')).get('content-type')).toBe('application/jwt');
    expect((await headers('demo.jwt')).get('cache-control')).toBe('no-cache');
  });

  test('a large file appears as a whole, and what was cut off is continued', async () => {
    const data = noise('large', 40 * 2 ** 20);
    const content = {
      ...{ file: join(dir, 'large'), size: data.length },
      sha256: createHash('sha256').update(data).digest('hex'),
    };
    await writeFile(content.file, data);
    reach(proxy.port);
    proxy.limit = 36 * 2 ** 20; // four parts, and a piece of the fifth
    await expect(open().put('demo/a/large', content)).rejects.toMatchObject({ code: 'E_NETWORK' });
    expect(await seen('demo/a/large')).toBeUndefined();
    expect(
      await open()
        .list('demo')
        .catch(() => 'cut'),
    ).toBe('cut');
    [proxy.sent, proxy.limit] = [0, Infinity];
    expect(await open().list('demo')).toEqual([]);
    await open().put('demo/a/large', content);
    expect(proxy.sent).toBeLessThan(10 * 2 ** 20);
    expect((await seen('demo/a/large'))?.equals(data)).toBe(true);
    // The same, but the file has become another one meanwhile: nothing is shown, nothing is left.
    proxy.sent = 0;
    await open().put('demo/a/large', content);
    expect(proxy.sent).toBeLessThan(10_000);
    const other = { ...content, sha256: createHash('sha256').update('other').digest('hex') };
    await expect(open().put('demo/a/other', other)).rejects.toMatchObject({ code: 'E_SIGNATURE' });
    expect(await seen('demo/a/other')).toBeUndefined();
    expect(await listUploads(client, PREFIX)).toEqual([]);
  });

  test('uploads that nobody continues are ended by the next release', async () => {
    await client.send('POST', `${PREFIX}/demo/a/begun`, { query: { uploads: '' } });
    await client.send('POST', `${PREFIX}/other/a/begun`, { query: { uploads: '' } });
    await open().commit('demo.jwt', Buffer.from('x'));
    const left = await listUploads(client, PREFIX);
    expect(left.map(({ key }) => key)).toEqual([`${PREFIX}/other/a/begun`]);
  });

  test('wherever the connection is cut, the published release stays whole; the next run goes on', async () => {
    const out = join(dir, 'out');
    reach(proxy.port);
    const publish = async () => releaseTo('', out, { publisher: open(NAME) });
    await writeBuild(out, { version: '1', epoch: 1_700_000_000, initrd: noise('1', 20 * 2 ** 20) });
    await publish();
    const all = proxy.sent;
    const before = await seen(`${NAME}.jwt`);
    expect(await wrongs()).toEqual([]);
    await writeBuild(out, { version: '2', epoch: 1_700_100_000, initrd: noise('2', 20 * 2 ** 20) });
    for (const share of [0.0001, 0.7]) {
      [proxy.sent, proxy.limit] = [0, all * share];
      await expect(publish()).rejects.toMatchObject({ code: 'E_NETWORK' });
      expect(await wrongs()).toEqual([]);
      expect((await seen(`${NAME}.jwt`))?.equals(before!)).toBe(true);
      // Its lock could not be given back: until it lapses, nobody else publishes.
      proxy.limit = Infinity;
      const { body } = await client.send('GET', '', { query: { 'list-type': '2', prefix: PREFIX } });
      for (const [, lock] of body.toString().matchAll(/<Key>([^<]*\.inprogress-[^<]*)</g)) {
        await expect(publish()).rejects.toMatchObject({ code: 'E_LOCK' });
        await client.send('DELETE', lock!);
      }
    }
    [proxy.sent, proxy.limit] = [0, Infinity];
    expect(await publish()).toMatchObject({ action: 'publish', reason: 'different' });
    expect(await wrongs()).toEqual([]);
    expect((await seen(`${NAME}.jwt`))?.equals(before!)).toBe(false);
    expect(await listUploads(client, PREFIX)).toEqual([]);
  });

  test('a lock that is not renewed is taken over by one, and its holder notices', async () => {
    const options = (holder: string, lease: number) => ({ client, prefix: 'x/.inprogress-', holder, lease });
    const dead = await lockS3({ ...options('dead', 1e9) }); // never renews
    expect(await lockS3(options('second', 60_000))).toBeUndefined();
    await sleep(3000);
    const takers = await Promise.all(['a', 'b', 'c'].map(async (holder) => lockS3(options(holder, 2000))));
    const winners = takers.filter((lock) => lock !== undefined);
    expect(winners.length).toBeLessThanOrEqual(1);
    // All may have seen each other, and given up.
    const winner =
      winners[0] ??
      (await vi.waitUntil(async () => lockS3(options('d', 2000)), { timeout: 30_000, interval: 500 }));
    await winner.check();
    await expect(dead!.check()).rejects.toMatchObject({ code: 'E_NETWORK' });
    await dead!.release(); // takes nothing from the new holder
    await sleep(4000);
    await winner.check(); // it was renewed
    expect(await lockS3(options('e', 2000))).toBeUndefined();
    await winner.release();
    await (await lockS3(options('f', 2000)))!.release();
  });

  describe('with faults of the server', () => {
    let faulty: FaultyProxy;
    beforeEach(async () => {
      faulty = await faultyProxy(server.port);
      reach(faulty.port);
    });
    afterEach(() => faulty.close());

    test.each([
      ['denies to write', [403, 'AccessDenied'], 'E_TARGET'],
      ['has no room within its quota', [403, 'QuotaExceeded'], 'E_NO_SPACE'],
    ] as [string, Fault, string][])('where it %s, what is published stays whole', async (_, fault, code) => {
      const out = join(dir, 'out');
      const publish = async () => releaseTo('', out, { publisher: open(NAME) });
      await writeBuild(out, { version: '1', epoch: 1_700_000_000, initrd: noise('1', 100_000) });
      await publish();
      const before = await seen(`${NAME}.jwt`);
      await writeBuild(out, { version: '2', epoch: 1_700_100_000, initrd: noise('2', 100_000) });
      // The lock is small enough.
      faulty.fault = ({ method, url }) =>
        method === 'PUT' && !url.includes('.inprogress') ? fault : undefined;
      await expect(publish()).rejects.toMatchObject({ code });
      expect(await wrongs()).toEqual([]);
      expect(await seen(`${NAME}.jwt`)).toEqual(before);
      faulty.fault = () => undefined;
      expect(await publish()).toMatchObject({ action: 'publish', reason: 'different' });
      expect(await wrongs()).toEqual([]);
    });

    test('what passes is tried again; what stays is told', async () => {
      let calls = 0;
      faulty.fault = () => ((calls += 1) % 3 === 0 ? undefined : calls % 2 === 0 ? 503 : 500);
      await open().put('demo/a', Buffer.from('x'));
      expect((await open().read('demo/a', 9))?.toString()).toBe('x');
      faulty.fault = ({ method }) => (method === 'PUT' ? 503 : undefined);
      await expect(open().commit('demo.jwt', Buffer.from('x'))).rejects.toMatchObject({ code: 'E_NETWORK' });
      expect(await seen('demo.jwt')).toBeUndefined();
      faulty.fault = () => 507;
      await expect(open().put('demo/b', Buffer.from('x'))).rejects.toMatchObject({ code: 'E_NO_SPACE' });
      faulty.fault = () => 301;
      await expect(open().list('demo')).rejects.toMatchObject({ code: 'E_TARGET' });
    });
  });
});
