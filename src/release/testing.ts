/** Builds, targets and a static web server for tests of releases. */
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { now, oneTimeSecret } from '../env.ts';
import { dates, formatKey, publicKeyOf, type Claims, type Key } from '../pattern/index.ts';
import { chunkFile, formatIndex } from '../update/chunks.ts';
import { build, NAME, noise, signer, tokenOf, type Build } from '../update/testing.ts';
import { openBuild, type Built, type Verify } from './build.ts';
import { openPublisher } from './publish/index.ts';
import type { Publisher } from './publish/types.ts';
import { release, type ReleaseOptions, type ReleaseReport } from './release.ts';

export { NAME, noise, signer };

export function verifyWith(...keys: Key[]): Verify {
  return { keys: keys.map((key) => formatKey(publicKeyOf(key))), now: now() };
}

export interface Version {
  /** Of the one package. */
  version: string;
  epoch: number;
  initrd?: Buffer;
  name?: string;
}

const sha256 = (data: Buffer) => createHash('sha256').update(data).digest('hex');

/** A build with its chunk index, as `osmith build` leaves it in a directory. */
export async function writeBuild(dir: string, { version, epoch, initrd, name }: Version): Promise<Build> {
  await rm(dir, { recursive: true, force: true });
  await mkdir(dir, { recursive: true });
  const made = build(version, epoch, initrd ?? noise(`initrd ${version}`, 50_000), name);
  const base = made.system.name;
  await writeFile(join(dir, `${base}.vmlinuz`), made.files.vmlinuz);
  await writeFile(join(dir, `${base}.initrd`), made.files.initrd);
  const index = formatIndex(await chunkFile(join(dir, `${base}.initrd`)));
  await writeFile(join(dir, `${base}.initrd.chunks`), index);
  const { artifacts } = made.manifest as { artifacts: { name: string; size: number; sha256: string }[] };
  const manifest = {
    ...made.manifest,
    packages: [{ name: 'demo', version }],
    artifacts: artifacts.map((artifact) =>
      artifact.name.endsWith('.chunks')
        ? { ...artifact, size: index.length, sha256: sha256(index) }
        : artifact,
    ),
  };
  await writeFile(join(dir, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  return { ...made, manifest };
}

/** Puts a token beside a build, as `osmith pattern build` does. */
export async function writeToken(dir: string, made: Build, claims?: Claims, key = signer): Promise<void> {
  const buildManifest = JSON.stringify(made.manifest, null, 2);
  await writeFile(
    join(dir, `${made.system.name}.jwt`),
    await tokenOf(made, key, { ...dates(now()), buildManifest, ...claims }),
  );
}

export async function openTestBuild(dir: string, verify = verifyWith(signer)): Promise<Built> {
  return openBuild({ dir, verify, signer: async () => signer, id: oneTimeSecret(), version: '1' });
}

/** Releases a build directory to a target directory. */
export async function releaseTo(
  target: string,
  dir: string,
  options: Partial<ReleaseOptions> = {},
): Promise<ReleaseReport> {
  const build = options.build ?? (await openTestBuild(dir));
  return release({
    ...{ build, verify: verifyWith(signer), keep: 2, dryRun: false },
    ...{ allowOlder: false, ignoreVersion: false, replaceUnverified: false },
    publisher: openPublisher({ target, name: build.manifest.name }),
    ...options,
  });
}

export interface WebServer {
  url: string;
  /** Paths that were asked for. */
  log: string[];
  close: () => Promise<void>;
}

/** Serves a directory as static web servers do, with ranges. */
export async function serveDirectory(root: string): Promise<WebServer> {
  const log: string[] = [];
  const answer = async (path: string, method: string, range: string, response: ServerResponse) => {
    // Opened once, as web servers do: another file may take the name at any time.
    await using file = await open(join(root, path)).catch(() => undefined);
    const found = await file?.stat();
    if (file === undefined || found?.isFile() !== true) return response.writeHead(404).end();
    const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(range) ?? [];
    const start = Number(from ?? 0);
    const end = to === undefined || to === '' ? found.size : Math.min(Number(to) + 1, found.size);
    response.writeHead(from === undefined ? 200 : 206, {
      'content-length': end - start,
      ...(from !== undefined && { 'content-range': `bytes ${start}-${end - 1}/${found.size}` }),
    });
    if (method === 'HEAD' || end === start) return response.end();
    return await pipeline(file.createReadStream({ start, end: end - 1, autoClose: false }), response);
  };
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url!, 'http://server');
    log.push(`${request.method} ${pathname.slice(1)}`);
    answer(pathname, request.method!, request.headers.range ?? '', response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    log,
    close: async () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Every file below a directory with its contents. */
export async function snapshot(at: string): Promise<Record<string, string>> {
  const names = await readdir(at, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const texts = await Promise.all(files.sort().map(async (file) => [file, await readFile(file, 'base64')]));
  return Object.fromEntries(texts) as Record<string, string>;
}

/** Ends for ever before its nth change of the target, as if the process were killed there. */
export function dying(target: Publisher, n: number): Publisher {
  let changes = 0;
  const before = async (change: () => Promise<void>): Promise<void> => {
    changes += 1;
    if (changes >= n) throw new Error('killed');
    return change();
  };
  return {
    ...target,
    put: async (path, content) => before(async () => target.put(path, content)),
    commit: async (path, content) => before(async () => target.commit(path, content)),
    remove: async (paths) => before(async () => target.remove(paths)),
  };
}
