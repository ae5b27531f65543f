/** Pulling from a real registry that wants a login, through a proxy that misbehaves when told to. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { describeWith, run, scratch } from '../disk/testing.ts';
import { openStore, blobPath, type Store } from '../run/store.ts';
import { openLayout } from './layout.ts';
import { pullImages } from './pull.ts';
import { parseReference } from './reference.ts';
import { LOGIN, startRegistryBench, type RegistryBench } from './registry-bench.ts';
import { parseMirror, registrySource, type Mirror } from './registry.ts';
import type { ImageSource } from './source.ts';
import type { StoredImage } from './stored.ts';
import { layerTar, writeLayout, type TestImage } from './testing.ts';

let dir = '';
let bench: RegistryBench;

const BIG = layerTar([{ name: 'big', content: Buffer.alloc(300_000, 'abcdefg') }]);
const IMAGES: TestImage[] = [
  {
    name: 'multi',
    arch: 'amd64',
    layers: [BIG, layerTar([{ name: 'amd64', content: 'x' }])],
    packing: 'zstd',
  },
  { name: 'multi', arch: 'arm64', layers: [BIG, layerTar([{ name: 'arm64', content: 'x' }])] },
  { name: 'single', arch: 'arm64', layers: [BIG] },
];

/** Pushes the images with another program. */
function push(): void {
  const layout = join(dir, 'layout');
  writeLayout(layout, IMAGES);
  const { manifests } = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as {
    manifests: object[];
  };
  // skopeo wants one entry for a name: an index of those that share it.
  const index = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: manifests.slice(0, 2) }));
  const copy = (source: string, to: string) => {
    const options = ['copy', '--all', '--dest-tls-verify=false', '--dest-creds=tester:secret'];
    const target = `docker://127.0.0.1:${bench.port}/team/${to}`;
    expect(run(['skopeo', ...options, source, target])).toMatchObject({ status: 0 });
  };
  copy(`oci:${layout}:single`, 'single:1');
  const joined = join(dir, 'joined');
  spawnSync('cp', ['-r', layout, joined]);
  const digest = run(['sha256sum'], { input: index }).stdout.slice(0, 64);
  writeFileSync(join(joined, 'blobs/sha256', digest), index);
  const entry = {
    ...{
      mediaType: 'application/vnd.oci.image.index.v1+json',
      digest: `sha256:${digest}`,
      size: index.length,
    },
    annotations: { 'org.opencontainers.image.ref.name': 'multi' },
  };
  writeFileSync(join(joined, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
  copy(`oci:${joined}:multi`, 'multi:1');
}

interface PullOptions {
  arch?: string;
  mirrors?: Mirror[];
  layouts?: ImageSource[];
  store?: Store;
  refresh?: boolean;
}

async function pull(name: string, options: PullOptions = {}): Promise<{ image: StoredImage; store: Store }> {
  const { arch = 'amd64', mirrors = [], layouts = [], refresh = false } = options;
  const store = options.store ?? (await openStore(join(scratch(), 'store')));
  const work = join(store.dir, 'tmp', 'test');
  mkdirSync(work, { recursive: true });
  const patience = { delays: [1, 1, 1], stall: 2000 };
  const source = registrySource({ mirrors, signal: new AbortController().signal, patience });
  const puller = { store, arch, layouts, registry: source, refresh, scratch: () => Promise.resolve(work) };
  const reference = parseReference(name);
  const images = await pullImages(puller, [{ reference }]);
  expect(readdirSync(work)).toEqual([]);
  return { image: images.get(reference.full)!, store };
}

function through(name: string): string {
  return `${bench.proxy}/team/${name}`;
}

function isBlob({ url }: IncomingMessage): boolean {
  return url!.includes('/blobs/');
}

describeWith(['docker-registry', 'skopeo'], 'a registry', () => {
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'osmith-registry-'));
    bench = await startRegistryBench(dir);
    push();
    const auths = { [`127.0.0.1:${bench.port}`]: { auth: LOGIN }, [bench.proxy]: { auth: LOGIN } };
    writeFileSync(join(dir, 'auth.json'), JSON.stringify({ auths }));
    process.env['REGISTRY_AUTH_FILE'] = join(dir, 'auth.json');
  });
  beforeEach(() => bench.reset());
  afterAll(() => {
    delete process.env['REGISTRY_AUTH_FILE'];
    bench?.close();
    rmSync(dir, { recursive: true, force: true });
  });

  it.each(['amd64', 'arm64'])('gives the image for %s, every blob in the store', async (arch) => {
    const { image, store } = await pull(through('multi:1'), { arch });
    expect(image.config.architecture).toBe(arch);
    const files = image.layers.map(({ digest }) => blobPath(store, digest.slice(7)));
    const sums = run(['sha256sum', ...files]).stdout.match(/^[0-9a-f]{64}/gm)!;
    expect(sums.map((sum) => `sha256:${sum}`)).toEqual(image.layers.map(({ digest }) => digest));
  });

  it('is not asked for what the store has, unless told to', async () => {
    const { image, store } = await pull(through('multi:1'));
    bench.asked = [];
    expect((await pull(through('multi:1'), { store })).image).toEqual(image);
    expect(bench.asked).toEqual([]);
    await pull(through('multi:1'), { store, refresh: true });
    expect(bench.asked.filter(({ path }) => path.includes('/manifests/'))).not.toEqual([]);
    // Another architecture of the same name is another image.
    expect((await pull(through('multi:1'), { store, arch: 'arm64' })).image.digest).not.toBe(image.digest);
  });

  it('gives an image by its digest', async () => {
    const { image } = await pull(through('multi:1'));
    expect((await pull(through(`multi@${image.digest}`))).image.digest).toBe(image.digest);
  });

  it('is asked again after cut connections, silence and overload', async () => {
    const faults = new Map<string, number>();
    bench.meddle = (incoming, response) => {
      if (incoming.headers.authorization === undefined) return false;
      const count = (faults.get(incoming.url!) ?? 0) + 1;
      faults.set(incoming.url!, count);
      if (count === 1) response.writeHead(503).end();
      else if (count === 2 && isBlob(incoming)) {
        response.writeHead(200, { 'content-length': 1_000_000 });
        response.write('part', () => response.destroy());
      } else return false;
      return true;
    };
    expect((await pull(through('multi:1'))).image.layers).toHaveLength(2);
  });

  it('gives way to a mirror, and stands in for one that is down', async () => {
    const direct = `127.0.0.1:${bench.port}/team/multi:1`;
    const mirror = parseMirror(`127.0.0.1:${bench.port}=http://${bench.proxy}`);
    await pull(direct, { mirrors: [mirror] });
    expect(bench.asked.length).toBeGreaterThan(3);
    bench.asked = [];
    await pull(direct, { mirrors: [parseMirror(`quay.io=http://${bench.proxy}`)] });
    expect(bench.asked).toEqual([]);
    const down = parseMirror('http://127.0.0.1:1');
    expect((await pull(direct, { mirrors: [down] })).image.layers).toHaveLength(2);
  });

  it('gets the login only itself: not where it redirects to', async () => {
    const seen: (string | undefined)[] = [];
    const elsewhere = createServer((incoming, response) => {
      seen.push(incoming.headers.authorization);
      const headers = { authorization: `Basic ${LOGIN}` };
      void fetch(`http://127.0.0.1:${bench.port}${incoming.url}`, { headers })
        .then((answer) => answer.arrayBuffer())
        .then((body) => response.end(Buffer.from(body)));
    });
    await new Promise<void>((ready) => elsewhere.listen(0, '127.0.0.1', ready));
    const { port } = elsewhere.address() as AddressInfo;
    bench.meddle = (incoming, response) => {
      if (!isBlob(incoming) || incoming.headers.authorization === undefined) return false;
      response.writeHead(307, { location: `http://127.0.0.1:${port}${incoming.url}` }).end();
      return true;
    };
    await pull(through('multi:1'));
    elsewhere.close();
    expect(seen.length).toBeGreaterThan(1);
    expect(new Set(seen)).toEqual(new Set([undefined]));
  });

  it('may want a token from elsewhere', async () => {
    const realm: string[] = [];
    bench.meddle = (incoming, response) => {
      if (incoming.url!.startsWith('/token')) {
        realm.push(`${incoming.headers.authorization} ${incoming.url}`);
        response.end(JSON.stringify({ token: 'granted' }));
        return true;
      }
      if (incoming.headers.authorization === 'Bearer granted') {
        incoming.headers.authorization = `Basic ${LOGIN}`;
        return false;
      }
      const challenge = `Bearer realm="http://${bench.proxy}/token",service="test",scope="repository:team/multi:pull"`;
      response.writeHead(401, { 'www-authenticate': challenge }).end();
      return true;
    };
    await pull(through('multi:1'));
    // One token is enough for all requests.
    expect(realm).toEqual([`Basic ${LOGIN} /token?service=test&scope=repository%3Ateam%2Fmulti%3Apull`]);
  });

  const flip = (body: Buffer) => Buffer.from(body.map((byte, i) => (i === 20 ? byte ^ 1 : byte)));

  it.each<[string, string, () => void, string, RegExp]>([
    [
      'an altered layer',
      'multi:1',
      () => (bench.alter = (_path, body) => (body[0] === 0x28 ? flip(body) : body)),
      'E_SIGNATURE',
      /expected sha256:.* got sha256:/,
    ],
    [
      'an altered config',
      'multi:1',
      () => (bench.alter = (path, body) => (path.includes('/blobs/') ? flip(body) : body)),
      'E_SIGNATURE',
      /expected sha256:/,
    ],
    [
      'an altered manifest',
      'multi:1',
      () => (bench.alter = (path, body) => (path.includes('/manifests/') ? flip(body) : body)),
      'E_SIGNATURE',
      /expected sha256:/,
    ],
    [
      'a layer that is too long',
      'multi:1',
      () =>
        void (bench.meddle = (incoming, response) => {
          if (!isBlob(incoming) || incoming.headers.authorization === undefined) return false;
          response.end(Buffer.alloc(1 << 20));
          return true;
        }),
      'E_SIGNATURE',
      /more than|instead of/,
    ],
    ['no such image', 'nothing:1', () => {}, 'E_IMAGE', /There is no image .*nothing:1/],
    ['no such tag', 'multi:2', () => {}, 'E_IMAGE', /There is no image/],
    [
      'another architecture',
      'single:1',
      () => {},
      'E_IMAGE',
      /is an image for linux\/arm64, not for linux\/amd64/,
    ],
    [
      'an endless outage',
      'multi:1',
      () => void (bench.meddle = (_incoming, response) => !!response.writeHead(500).end()),
      'E_NETWORK',
      /answers 500/,
    ],
    [
      'a wrong login',
      'multi:1',
      () =>
        void (bench.meddle = (incoming) => {
          if (incoming.headers.authorization) incoming.headers.authorization = 'Basic eDp5';
          return false;
        }),
      'E_NETWORK',
      /answers 401/,
    ],
  ])('fails for %s', async (_what, name, prepare, code, message) => {
    prepare();
    await expect(pull(through(name))).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
    });
  });

  it('fails for an index without the architecture, and says what there is', async () => {
    const failed = pull(through('multi:1'), { arch: 'riscv64' });
    await expect(failed).rejects.toThrow(/target platform linux\/riscv64; it has linux\/amd64, linux\/arm64/);
  });

  it('fails when there is none', async () => {
    await expect(pull('127.0.0.1:1/a/b:1')).rejects.toMatchObject({
      code: 'E_NETWORK',
      details: { hint: expect.stringContaining('--layout') as string },
    });
  });

  it('comes after layouts', async () => {
    const layout = await openLayout(
      writeLayout(join(scratch(), 'l'), [{ ...IMAGES[0]!, name: through('multi:1') }]),
    );
    expect((await pull(through('multi:1'), { layouts: [layout] })).image.layers).toHaveLength(2);
    expect(bench.asked).toEqual([]);
  });
});
