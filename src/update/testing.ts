/** A release on a real HTTP server that can misbehave, and a machine with a directory in place of its boot disk. */
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import {
  buildId,
  formatEnvironment,
  formatSlotConfig,
  GRUBENV,
  slotConfig,
  slotDirectory,
  slotFile,
  type Slot,
  type SlotSystem,
} from '../disk/boot-slots.ts';
import { now } from '../env.ts';
import { generateKey, signJwt, type Claims, type Key } from '../pattern/index.ts';
import { mountedDisk } from './boot-disk.ts';
import { chunkFile, formatIndex } from './chunks.ts';
import type { BootFiles } from './esp.ts';

export const NAME = 'osmith_deb_amd64';

const sha256 = (data: Buffer) => createHash('sha256').update(data).digest('hex');

export interface Build {
  system: SlotSystem;
  files: Record<'vmlinuz' | 'initrd', Buffer>;
  manifest: object;
}

/** Bytes that cannot be compressed, the same for the same seed. */
export function noise(seed: string, size: number): Buffer {
  const blocks = Array.from({ length: Math.ceil(size / 32) }, (_, index) =>
    createHash('sha256').update(`${seed} ${index}`).digest(),
  );
  return Buffer.concat(blocks).subarray(0, size);
}

export function build(version: string, epoch: number, initrd: Buffer, name = NAME): Build {
  const files = { vmlinuz: noise(`kernel ${version}`, 100_000), initrd };
  const parts = Object.entries(files).map(([part, data]) => ({
    name: part,
    size: data.length,
    sha256: sha256(data),
  }));
  const artifacts = parts.map((part) => ({ ...part, name: `${name}.${part.name}` }));
  artifacts.push({ name: `${name}.initrd.chunks`, size: 1, sha256: sha256(Buffer.from('?')) });
  return {
    files,
    system: { name, build: buildId(parts), epoch, issued: 0, cmdline: 'quiet', parts },
    manifest: { version: 1, name, arch: 'amd64', epoch, cmdline: 'quiet', artifacts, packages: [] },
  };
}

/** A token of a build. */
export async function tokenOf(made: Build, key: Key, claims: Claims = {}): Promise<string> {
  const iat = Math.floor(now() / 1000);
  return signJwt({ iat, buildManifest: JSON.stringify(made.manifest), ...claims }, key);
}

export type Handler = (request: IncomingMessage, response: ServerResponse, content: Buffer) => void;

export interface TestServer {
  url: string;
  files: Map<string, Buffer>;
  /** What was asked for: method, path, range. */
  log: string[];
  /** Bytes of file contents that were sent. */
  sent: number;
  /** Takes over the answers for paths that end so. */
  misbehave: Map<string, Handler>;
  close(): Promise<void>;
}

function serveFile(server: TestServer, request: IncomingMessage, response: ServerResponse, content: Buffer) {
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
  const start = from === undefined ? 0 : Number(from);
  const end = to === undefined || to === '' ? content.length : Math.min(Number(to) + 1, content.length);
  const body = content.subarray(start, end);
  response.writeHead(from === undefined ? 200 : 206, {
    'content-length': body.length,
    ...(from === undefined ? {} : { 'content-range': `bytes ${start}-${end - 1}/${content.length}` }),
  });
  if (request.method === 'HEAD') return response.end();
  server.sent += body.length;
  return response.end(body);
}

export async function serve(): Promise<TestServer> {
  const http: Server = createServer((request, response) => {
    const path = request.url!.slice(1);
    server.log.push([request.method, path, request.headers.range].filter(Boolean).join(' '));
    const content = server.files.get(path);
    if (content === undefined) return void response.writeHead(404).end();
    const other = [...server.misbehave].find(([end]) => path.endsWith(end))?.[1];
    if (other !== undefined) return other(request, response, content);
    return void serveFile(server, request, response, content);
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const server: TestServer = {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    files: new Map(),
    log: [],
    sent: 0,
    misbehave: new Map(),
    close: async () =>
      new Promise((resolve) => {
        http.close(() => resolve());
        http.closeAllConnections();
      }),
  };
  return server;
}

/** Puts a build and its token on a server. */
export async function publish(
  server: TestServer,
  made: Build,
  key: Key,
  directory: string,
  claims?: Claims,
): Promise<void> {
  const { name } = made.system;
  await writeFile(join(directory, 'initrd'), made.files.initrd);
  server.files.set(`${name}.initrd.chunks`, formatIndex(await chunkFile(join(directory, 'initrd'))));
  server.files.set(`${name}.vmlinuz`, made.files.vmlinuz);
  server.files.set(`${name}.initrd`, made.files.initrd);
  server.files.set(`${name}.jwt`, Buffer.from(await tokenOf(made, key, claims)));
}

/** A directory as the boot disk. */
export function directoryBoot(root: string): BootFiles {
  const disk = mountedDisk(root);
  return {
    readOnly: async (use) => use(disk),
    readWrite: async (use) => use(disk),
    path: (file) => join(root, file),
  };
}

export async function putBuild(root: string, slot: Slot, made: Build): Promise<void> {
  await mkdir(join(root, slotDirectory(slot)), { recursive: true });
  for (const [name, data] of Object.entries(made.files))
    await writeFile(join(root, slotFile(slot, name)), data);
  await writeFile(join(root, slotConfig(slot)), formatSlotConfig(slot, made.system));
}

/** A boot disk as the build of an image leaves it. */
export async function freshBoot(root: string, made: Build): Promise<void> {
  await putBuild(root, 'a', made);
  await mkdir(join(root, slotDirectory('b')), { recursive: true });
  await writeFile(join(root, GRUBENV), formatEnvironment({ slot: 'a' }));
}

/** All files below a directory, for comparison. */
export async function snapshot(root: string, slots: Slot[] = ['a', 'b']): Promise<Map<string, string>> {
  const names = ['vmlinuz', 'initrd', 'slot.cfg', 'part'];
  const paths = [GRUBENV, ...slots.flatMap((slot) => names.map((name) => slotFile(slot, name)))];
  const found = new Map<string, string>();
  for (const path of paths) {
    const data = await readFile(join(root, path)).catch(() => undefined);
    if (data !== undefined) found.set(path, sha256(data));
  }
  return found;
}

export const signer = generateKey('ed25519', 'release');
