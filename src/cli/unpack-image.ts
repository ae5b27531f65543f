/** The image of an operating system, brought into the store with what it carries. */
import { mkdtemp } from 'node:fs/promises';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OsmithError } from '../errors.ts';
import { takeFiles } from '../oci/image-files.ts';
import { openNamed } from '../oci/one-image.ts';
import { pullImages } from '../oci/pull.ts';
import { parseMirror, registrySource } from '../oci/registry.ts';
import type { StoredImage } from '../oci/stored.ts';
import { mismatch } from '../oci/verify.ts';
import { DOCUMENT, parseAssembly, type Assembly, type Part } from '../plan/assembly.ts';
import { ASSEMBLY_LABEL } from '../plan/os-image.ts';
import { addBlob, blobPath, hasBlob, type Result, type Store } from '../run/store.ts';
import { interruption } from './signals.ts';

export interface OsImage {
  image: StoredImage;
  assembly: Assembly;
}

interface Place {
  store: Store;
  /** A directory of the store's file system. */
  scratch: () => Promise<string>;
}

/** Fetches it and reads its document. Throws E_IMAGE, E_NETWORK, E_SIGNATURE. */
export async function openOsImage(
  name: string,
  { arch, mirror }: { arch: string; mirror: readonly string[] },
  { store, scratch }: Place,
): Promise<OsImage> {
  const { layout, reference } = await openNamed(name, arch, scratch);
  const puller = {
    ...{ store, arch, scratch, layouts: layout === undefined ? [] : [layout] },
    registry: registrySource({ mirrors: mirror.map(parseMirror), signal: interruption }),
    // What a tag means can have changed since.
    refresh: reference.digest === undefined,
  };
  const image = [...(await pullImages(puller, [{ reference }])).values()][0]!;
  const noOs = (why: string) =>
    new OsmithError('E_IMAGE', `${name} is no image of an operating system: ${why}`, {
      hint: 'osmith build --set image.formats_add=os.oci.tar makes one',
    });
  if (image.config.config?.Labels[ASSEMBLY_LABEL] === undefined)
    throw noOs(`it has no label ${ASSEMBLY_LABEL}`);
  const dir = await mkdtemp(join(await scratch(), 'document-'));
  const document = (await takeFiles(store, image, new Set([DOCUMENT]), dir)).get(DOCUMENT);
  if (document === undefined) throw noOs(`it has no /${DOCUMENT}`);
  return { image, assembly: parseAssembly(await readFile(document.file, 'utf8'), `${name}: /${DOCUMENT}`) };
}

/** Takes parts into the store; each is what the document says, or this throws E_SIGNATURE. */
async function takeParts({ image }: OsImage, parts: readonly Part[], { store, scratch }: Place) {
  const there = await Promise.all(parts.map((part) => hasBlob(store, part)));
  const lacking = parts.filter((_, index) => !there[index]);
  if (lacking.length === 0) return;
  const dir = await mkdtemp(join(await scratch(), 'parts-'));
  const files = await takeFiles(store, image, new Set(lacking.map(({ path }) => path)), dir);
  for (const { path, digest, size } of lacking) {
    const found = files.get(path);
    if (found === undefined) throw mismatch(`/${path} of ${image.name}`, 'it is not there');
    if (found.digest !== digest || found.size !== size)
      throw mismatch(`/${path} of ${image.name}`, `expected ${digest}, got ${found.digest}`);
    await addBlob(store, found.file, digest);
  }
}

/** The parts as results of the steps that made them, for the steps that need them. */
export async function partResults(os: OsImage, place: Place): Promise<Map<string, Result>> {
  const { parts, results } = os.assembly;
  const used = parts.filter(({ step }) => results[step] !== undefined);
  await takeParts(os, used, place);
  return new Map(
    Object.entries(results).map(([step, { facts, epoch }]) => {
      const own = used.filter((part) => part.step === step);
      const files = own.map(({ output, digest, size }) => [output, { digest, size }] as const);
      return [step, { key: '', sets: {}, trees: {}, facts, epoch, ms: 0, files: Object.fromEntries(files) }];
    }),
  );
}

/** One part as a blob of the store; undefined if the format is none. */
export async function partOf(os: OsImage, format: string, place: Place): Promise<Part | undefined> {
  const from = os.assembly.outputs[format]?.from;
  const part = os.assembly.parts.find(({ step, output }) => step === from?.step && output === from.output);
  if (part !== undefined) await takeParts(os, [part], place);
  return part;
}

/** The text of a part. */
export async function partText(os: OsImage, format: string, place: Place): Promise<string | undefined> {
  const part = await partOf(os, format, place);
  return part && readFile(blobPath(place.store, part.digest), 'utf8');
}
