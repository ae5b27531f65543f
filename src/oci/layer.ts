/** Reads one layer blob: unpacks it, whatever it is packed with, and hands its entries on. */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import type { Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { OsmithError, toOsmithError } from '../errors.ts';
import { isBomb } from './guard.ts';
import { TarParser, type LayerEntry, type TarHandler } from './tar-parser.ts';

const CHUNK = 1 << 18;

/** A layer in a file that was verified. */
export interface LayerBlob {
  /** `sha256:HEX`. */
  digest: string;
  /** Bytes as packed. */
  size: number;
  mediaType: string;
  file: string;
}

export interface EntrySink extends Pick<TarHandler, 'data'> {
  /** Whether the content is wanted. */
  entry(entry: LayerEntry): boolean;
  /** Called between chunks; a promise to wait for when enough is waiting to be written. */
  drain(): Promise<void> | undefined;
}

/** Goes by content: what media types say of the compression is not always true. */
async function unpacked(file: string): Promise<Readable> {
  const handle = await open(file);
  const { buffer } = await handle.read(Buffer.alloc(4), 0, 4, 0).finally(() => handle.close());
  const source = createReadStream(file, { highWaterMark: CHUNK });
  const magic = buffer.toString('hex');
  // pipeline hands errors of the source on to who reads the result.
  if (magic.startsWith('1f8b')) return pipeline(source, createGunzip({ chunkSize: CHUNK }), () => {});
  if (magic === '28b52ffd') return pipeline(source, createZstdDecompress({ chunkSize: CHUNK }), () => {});
  return source;
}

function layerError(layer: LayerBlob, image: string, cause: unknown): OsmithError {
  // A full disk is not the layer's fault.
  const own = toOsmithError(cause);
  if (cause instanceof OsmithError || own.code === 'E_NO_SPACE') return own;
  const message = cause instanceof Error ? cause.message : String(cause);
  return new OsmithError(
    'E_IMAGE',
    `Layer ${layer.digest.slice(0, 19)} of ${image} cannot be read: ${message}`,
    {
      cause,
      hint: 'The layer is damaged or no tar archive: build or push the image again',
    },
  );
}

/** Refuses a layer, saying why. */
export function refuse(layer: LayerBlob, image: string, what: string): OsmithError {
  return new OsmithError('E_IMAGE', `Layer ${layer.digest.slice(0, 19)} of ${image} is refused: ${what}`, {
    hint: 'No tool writes such a layer by accident: do not use the image before you know where it comes from',
  });
}

/** All entries of a layer in their order. Throws E_IMAGE when it cannot be read or is a bomb. */
export async function readLayer(layer: LayerBlob, image: string, sink: EntrySink): Promise<void> {
  let size = 0;
  let entries = 0;
  const parser = new TarParser({
    entry: (entry: LayerEntry) => {
      entries += 1;
      return sink.entry(entry);
    },
    data: (piece) => sink.data(piece),
  });
  try {
    for await (const chunk of (await unpacked(layer.file)) as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (isBomb(size, layer.size, entries)) {
        throw refuse(layer, image, `its ${layer.size} bytes unpack to more than ${size}`);
      }
      parser.push(chunk);
      const wait = sink.drain();
      if (wait !== undefined) await wait;
    }
    parser.end();
  } catch (cause) {
    throw layerError(layer, image, cause);
  }
}
