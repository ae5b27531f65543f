/** Anything that can be compared as a listing, by what it is, not by what it is called. */
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, readFile, stat, writeFile, type FileHandle } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { pipeline } from 'node:stream/promises';
import { isSystemError, OsmithError } from '../errors.ts';
import type { Tools } from '../vm/tools.ts';
import { listDirectory, listTar, unreadable } from './archives.ts';
import { Collector } from './collect.ts';
import { listInitrd } from './cpio.ts';
import { listCommands, readLists, readNumbers, statCommands } from './ext4.ts';
import { readPartitions } from './partitions.ts';
import { fileSystemAt, kindOf, kindOfHead, type FileSystem, type Kind } from './sniff.ts';
import { outputOf, runQuiet } from './tools.ts';
import type { Listing } from './types.ts';
import { debugfsArgv, erofsArgv, parseDevices, squashfsListArgv, unpackArgv } from './unpack.ts';

export interface ReadContext {
  /** Programs, made ready when first needed. */
  tools: () => Promise<Tools>;
  /** A new empty directory. */
  scratch: () => Promise<string>;
}

const KNOWN =
  'Osmith compares directories, tar and cpio archives, squashfs, erofs, ext4, FAT, disks with a GPT, qcow2, vmdk, vdi and vhdx; gz, xz and zst of them';

export async function listPath(path: string, context: ReadContext): Promise<Listing> {
  const info = await stat(path).catch((cause: unknown) => {
    const why = isSystemError(cause) && cause.code === 'ENOENT' ? 'is not there' : 'cannot be read';
    throw new OsmithError('E_NO_IMAGE', `${path} ${why}`, { cause, hint: KNOWN });
  });
  if (info.isDirectory()) return listDirectory(path);
  try {
    // The sandbox has its own current directory.
    return await listFile(resolve(path), context);
  } catch (error) {
    if (!(error instanceof OsmithError) || error.code !== 'E_TOOL') throw error;
    const { tail } = error.details;
    throw new OsmithError('E_NO_IMAGE', `${path} cannot be read: ${error.message}`, { tail, cause: error });
  }
}

async function listFile(path: string, context: ReadContext): Promise<Listing> {
  await using file = await open(path, 'r');
  const kind = await kindOf(file);
  switch (kind) {
    case undefined:
      throw new OsmithError('E_NO_IMAGE', `${path} is nothing that Osmith can compare`, { hint: KNOWN });
    case 'tar':
      return await listTar(path, createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>);
    case 'cpio':
      return await listInitrd(path, await readFile(path), unxzWith(context));
    case 'gz':
    case 'zst':
    case 'xz':
      return await listPacked(path, kind, context);
    case 'gpt':
      return await listDisk(path, file, context);
    case 'qcow2':
    case 'vmdk':
    case 'vdi':
    case 'vhdx': {
      const raw = join(await context.scratch(), 'raw');
      const argv = ['qemu-img', 'convert', '-f', kind, '-O', 'raw', path, raw];
      await runQuiet(await context.tools(), argv, { read: [path], write: [join(raw, '..')] });
      return await listFile(raw, context);
    }
    default:
      return await listFileSystem(path, { kind, at: 0, prefix: '' }, context);
  }
}

function unxzWith(context: ReadContext): (part: Buffer) => Promise<Buffer> {
  return async (part) => {
    const pieces: Buffer[] = [];
    for await (const piece of await outputOf(await context.tools(), ['xz', '-dc'], { input: part }))
      pieces.push(piece);
    return Buffer.concat(pieces);
  };
}

function unpacking(path: string, kind: Kind, context: ReadContext): Promise<AsyncIterable<Buffer>> {
  const source = () => createReadStream(path, { highWaterMark: 1 << 20 });
  if (kind === 'gz') return Promise.resolve(source().pipe(createGunzip()));
  if (kind === 'zst') return Promise.resolve(source().pipe(createZstdDecompress()));
  return context.tools().then((tools) => outputOf(tools, ['xz', '-dc', path], { read: [path] }));
}

/** A packed tar is read on the way; a packed archive of the kernel, which may go on unpacked, as a whole. */
async function listPacked(path: string, kind: Kind, context: ReadContext): Promise<Listing> {
  let head = Buffer.alloc(0);
  try {
    for await (const chunk of await unpacking(path, kind, context)) {
      head = Buffer.concat([head, chunk]);
      if (head.length >= 1024) break;
    }
    const inner = kindOfHead(head);
    if (inner === 'tar') return await listTar(path, await unpacking(path, kind, context));
    if (inner === 'cpio') return await listInitrd(path, await readFile(path), unxzWith(context));
    const raw = join(await context.scratch(), 'raw');
    await pipeline(await unpacking(path, kind, context), createWriteStream(raw));
    return await listFile(raw, context);
  } catch (error) {
    if (error instanceof OsmithError) throw error;
    throw unreadable(path, kind, (error as Error).message);
  }
}

interface Place {
  kind: FileSystem;
  at: number;
  /** Before each path. */
  prefix: string;
}

async function listFileSystem(
  path: string,
  { kind, at, prefix }: Place,
  context: ReadContext,
): Promise<Listing> {
  const tools = await context.tools();
  const into = join(await context.scratch(), 'tree');
  await mkdir(into);
  const read = [path];
  const devices =
    kind === 'squashfs'
      ? parseDevices((await runQuiet(tools, squashfsListArgv(path, at), { read })).stdout)
      : [];
  const except = devices.map((device) => device.path);
  const argv = unpackArgv(kind, path, at, into, except);
  const { stderr } = await runQuiet(tools, argv, { read, write: [into], env: { MTOOLS_SKIP_CHECK: '1' } });
  // debugfs ends well whatever happens.
  const complaint =
    kind === 'ext4'
      ? stderr.split('\n').find((line) => line !== '' && !/^debugfs \d/u.test(line))
      : undefined;
  if (complaint !== undefined) throw unreadable(path, kind, complaint);
  const listing = await listUnpacked(path, into, { bare: kind === 'fat', prefix }, context);
  for (const { path: device, ...facts } of devices) listing.set(prefix + device, facts);
  if (kind === 'ext4') await addExt4Facts(path, { at, prefix }, listing, context);
  if (kind === 'erofs') await addErofsModes(path, { at, prefix }, listing, context);
  return listing;
}

async function listUnpacked(
  path: string,
  dir: string,
  options: { bare: boolean; prefix: string },
  context: ReadContext,
): Promise<Listing> {
  const argv = ['tar', '--create', '--numeric-owner', '--directory', dir, '.'];
  return listTar(path, await outputOf(await context.tools(), argv, { read: [dir] }), options);
}

/** The modes of files that are unpacked without their owners. */
async function addErofsModes(
  path: string,
  { at, prefix }: Omit<Place, 'kind'>,
  listing: Listing,
  context: ReadContext,
): Promise<void> {
  const into = join(await context.scratch(), 'tree');
  await mkdir(into);
  const argv = erofsArgv(path, at, into, '--preserve-perms', '--no-preserve-owner');
  await runQuiet(await context.tools(), argv, { read: [path], write: [into] });
  for (const [name, { mode }] of await listUnpacked(path, into, { bare: false, prefix }, context)) {
    if (mode !== undefined) Object.assign(listing.get(name) ?? {}, { mode });
  }
}

async function debugfs(path: string, at: number, commands: string, context: ReadContext): Promise<string> {
  const script = join(await context.scratch(), 'script');
  await writeFile(script, commands);
  const { stdout } = await runQuiet(await context.tools(), debugfsArgv(path, at, script), {
    read: [path, script],
  });
  return stdout;
}

/** debugfs unpacks neither devices nor the bits that a change of owner takes away. */
async function addExt4Facts(
  path: string,
  { at, prefix }: Omit<Place, 'kind'>,
  listing: Listing,
  context: ReadContext,
): Promise<void> {
  const below = [...listing].filter(([, { type }]) => type === 'directory');
  const directories = ['', ...below.map(([name]) => name.slice(prefix.length))];
  const lists = await debugfs(path, at, listCommands(directories), context);
  const devices = readLists(lists, directories, prefix, listing);
  if (devices.length === 0) return;
  const numbers = readNumbers(await debugfs(path, at, statCommands(devices), context));
  devices.forEach((device, index) => {
    listing.get(prefix + device)!.detail = numbers[index]!;
  });
}

async function listDisk(path: string, file: FileHandle, context: ReadContext): Promise<Listing> {
  const listing: Listing = new Map();
  for (const { number, start, size, about } of await readPartitions(file)) {
    const prefix = `${number}:`;
    const kind = await fileSystemAt(file, start);
    const contents =
      kind === undefined
        ? await listBytes(path, start, size, prefix)
        : await listFileSystem(path, { kind, at: start, prefix }, context);
    listing.set(prefix, { ...contents.get(prefix), type: 'partition', detail: about });
    for (const [name, facts] of contents) if (name !== prefix) listing.set(name, facts);
  }
  return listing;
}

/** A partition without a file system is one file. */
async function listBytes(path: string, start: number, size: number, name: string): Promise<Listing> {
  const collector = new Collector();
  collector.file(name, { type: 'partition', size });
  const stream = createReadStream(path, { start, end: start + size - 1, highWaterMark: 1 << 20 });
  for await (const piece of stream as AsyncIterable<Buffer>) collector.data(piece);
  return collector.end();
}
