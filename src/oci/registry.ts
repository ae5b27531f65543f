/** Images in a registry, and in mirrors that are asked before it. */
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { OsmithError } from '../errors.ts';
import {
  HttpError,
  openSession,
  PATIENT,
  registryUrl,
  retrying,
  type Patience,
  type Session,
} from './http.ts';
import { referenceVersion, type Reference } from './reference.ts';
import { MAX_DOCUMENT, type Found, type ImageSource } from './source.ts';
import { INDEX_TYPES, MANIFEST_TYPES, type Descriptor } from './types.ts';
import { digestOf, mismatch, verifyData, verifying } from './verify.ts';

/** A mirror: of one registry, or of all when none is named. */
export interface Mirror {
  registry: string | undefined;
  url: string;
}

/** `[REGISTRY=]URL`. Throws E_USAGE. */
export function parseMirror(text: string): Mirror {
  const [, registry, url = ''] = /^(?:([^=/]+)=)?(https?:\/\/.+)$/.exec(text) ?? [];
  if (URL.canParse(url)) return { registry, url: url.replace(/\/+$/, '') };
  throw new OsmithError('E_USAGE', `${JSON.stringify(text)} is no mirror`, {
    hint: 'Write --mirror [REGISTRY=]URL, the URL beginning with http:// or https://',
  });
}

export interface RegistryOptions {
  mirrors: readonly Mirror[];
  signal: AbortSignal;
  patience?: Patience;
}

/** One attempt at one place. It calls `alive` whenever something arrives. */
type Work<T> = (session: Session, signal: AbortSignal, alive: () => void) => Promise<T>;

const ACCEPT = [...INDEX_TYPES, ...MANIFEST_TYPES].join(', ');

/** Collects a body that may not be large. */
async function small(response: Response, url: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of Readable.fromWeb(response.body!) as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > MAX_DOCUMENT) throw new OsmithError('E_IMAGE', `${url} is too large for what it should be`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message || error.message : error.message;
}

/** The registry of references, through the mirrors that there are for it. */
export function registrySource({ mirrors, signal, patience = PATIENT }: RegistryOptions): ImageSource {
  const sessions = new Map<string, Session[]>();

  /** Where to ask for a repository, in order. */
  function places({ registry, repository }: Reference): Session[] {
    const key = `${registry}/${repository}`;
    let known = sessions.get(key);
    if (known === undefined) {
      const used = mirrors.filter((mirror) => mirror.registry === undefined || mirror.registry === registry);
      known = [
        ...used.map(({ url }) => openSession(url, new URL(url).host, repository)),
        openSession(registryUrl(registry), registry, repository),
      ];
      sessions.set(key, known);
    }
    return known;
  }

  /** Asks one place after the other; the error of the last, which is the registry itself, counts. */
  async function ask<T>(reference: Reference, work: Work<T>): Promise<T> {
    let last: unknown;
    for (const session of places(reference)) {
      try {
        return await retrying(() => guarded(session, work), patience, signal);
      } catch (error) {
        signal.throwIfAborted();
        last = error;
      }
    }
    throw last;
  }

  /** Gives up when nothing comes for a while. */
  async function guarded<T>(session: Session, work: Work<T>): Promise<T> {
    const stalled = new AbortController();
    const give = () => stalled.abort(new Error(`nothing received for ${patience.stall / 1000} s`));
    const timer = setTimeout(give, patience.stall);
    try {
      return await work(session, AbortSignal.any([signal, stalled.signal]), () => timer.refresh());
    } finally {
      clearTimeout(timer);
    }
  }

  function failure(reference: Reference, error: unknown): unknown {
    if (error instanceof OsmithError) return error;
    const { status } = error as Partial<HttpError>;
    const denied = status === 401 || status === 403;
    const hint = denied
      ? `Log in to ${reference.registry} with docker, podman or skopeo, or check the name: some registries hide what does not exist`
      : `Check the network and ${reference.registry}, or name a mirror or a local copy where the command has --mirror and --layout`;
    return new OsmithError('E_NETWORK', `Cannot get ${reference.full}: ${causeOf(error)}`, {
      cause: error,
      hint,
    });
  }

  async function find(reference: Reference): Promise<Found | undefined> {
    const version = referenceVersion(reference);
    try {
      return await ask(reference, async (session, inner) => {
        const response = await session.get(`manifests/${version}`, { accept: ACCEPT }, inner);
        const data = await small(response, reference.full);
        const digest = digestOf(data);
        const promised = reference.digest ?? response.headers.get('docker-content-digest') ?? digest;
        if (promised !== digest) throw mismatch(reference.full, `expected ${promised}, got ${digest}`);
        const mediaType = response.headers.get('content-type')?.split(';')[0] ?? '';
        return { descriptor: { mediaType, digest, size: data.length }, data };
      });
    } catch (error) {
      if (error instanceof HttpError && error.status === 404) return undefined;
      throw failure(reference, error);
    }
  }

  function blobPath({ digest, mediaType }: Descriptor): string {
    const isManifest = [...INDEX_TYPES, ...MANIFEST_TYPES].includes(mediaType);
    return `${isManifest ? 'manifests' : 'blobs'}/${digest}`;
  }

  async function read(reference: Reference, descriptor: Descriptor): Promise<Buffer> {
    try {
      return await ask(reference, async (session, inner) => {
        const response = await session.get(blobPath(descriptor), { accept: descriptor.mediaType }, inner);
        const data = await small(response, reference.full);
        verifyData(data, descriptor, `${descriptor.digest} of ${reference.full}`);
        return data;
      });
    } catch (error) {
      throw failure(reference, error);
    }
  }

  /** One attempt: all of it, from the start, since a digest cannot be continued without reading again what is there. */
  async function fetch(reference: Reference, descriptor: Descriptor, file: string): Promise<void> {
    const what = `${descriptor.digest} of ${reference.full}`;
    try {
      await ask(reference, async (session, inner, alive) => {
        const headers = { 'accept-encoding': 'identity' };
        const response = await session.get(blobPath(descriptor), headers, inner);
        await pipeline(
          Readable.fromWeb(response.body!),
          watching(descriptor, alive),
          verifying(descriptor, what),
          createWriteStream(file),
        );
      });
    } catch (error) {
      await rm(file, { force: true });
      throw failure(reference, error);
    }
  }

  return { name: 'the registry', find, read, fetch };
}

/** Tells that data arrives. A body that ends too early is a broken connection, worth another attempt. */
function watching({ size }: Descriptor, alive: () => void): Transform {
  let seen = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      alive();
      seen += chunk.length;
      done(null, chunk);
    },
    flush: (done) =>
      done(seen < size ? new Error(`the connection ended after ${seen} of ${size} bytes`) : null),
  });
}
