/** Writes the composed tar, item by item. Contents stream from the layers to the file; none is held. */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { DIRECTORY, FILE, SYMLINK } from '../run/layer/entry.ts';
import { flattenImage } from '../oci/flatten.ts';
import type { LayerBlob } from '../oci/layer.ts';
import { billOf, PackageFiles } from './bill.ts';
import { copyEntries } from './input-tar.ts';
import { imageFiles, madeHeader, type ImageFiles } from './image-files.ts';
import type { Content, ImageItem, Item, KernelItem, SbomItem } from './items.ts';
import { kernelFiles } from './kernel-files.ts';
import { TarSink, type HeaderSink } from './tar-sink.ts';

/** Alpine's database of installed packages. */
const PACKAGES = 'lib/apk/db/installed';

const DOCKERFILE = '\nFROM scratch\n\nCOPY . ./\n\nENTRYPOINT ["/bin/rc.init"]\n';

export interface WriteOptions {
  /** Path of a blob in the store by its digest, 64 hex digits. */
  blob: (digest: string) => string;
  signal: AbortSignal;
  progress: (text: string) => void;
}

/** One writer for one tar, or for what only wants to know what is in it. */
export class Writer {
  readonly #sink: HeaderSink;
  readonly #options: WriteOptions;
  /** Lists of packages by image, which are small. */
  readonly #packages = new PackageFiles();

  constructor(sink: HeaderSink, options: WriteOptions) {
    this.#sink = sink;
    this.#options = options;
  }

  async write(item: Item): Promise<void> {
    switch (item.kind) {
      case 'directory':
        this.#sink.header(madeHeader({ ...attributes(item), type: DIRECTORY }, item));
        return;
      case 'symlink':
        this.#sink.header(madeHeader({ ...attributes(item), type: SYMLINK, link: item.link }, item));
        return;
      case 'file':
        return this.#file(item, item.content);
      case 'image':
        return this.#image(item, imageFiles(item, this.#sink, this.#packages.watch(item)));
      case 'copied':
        this.#options.progress(item.source);
        return copyEntries(item, this.#options.blob(item.tar), this.#sink, this.#packages.watch(item));
      case 'kernel':
        return this.#image(
          item,
          kernelFiles(item, this.#sink, this.#packages.watch({ prefix: '', location: item.location })),
        );
      case 'packages':
        this.#apkDatabase();
        return;
      case 'sbom':
        return this.#sbom(item);
      case 'dockerfile':
        this.#plainFile('Dockerfile', DOCKERFILE);
    }
  }

  async #file(item: Extract<Item, { kind: 'file' }>, content: Content): Promise<void> {
    const data = 'text' in content ? Buffer.from(content.text) : undefined;
    const size = 'text' in content ? data!.length : content.size;
    this.#sink.header(madeHeader({ ...attributes(item), type: FILE, size }, item));
    if (data !== undefined) {
      this.#sink.data(data);
      return;
    }
    const file = this.#options.blob((content as { blob: string }).blob);
    for await (const piece of createReadStream(file, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
      this.#sink.data(piece);
      await this.#sink.drain();
    }
  }

  async #image(item: ImageItem | KernelItem, files: ImageFiles): Promise<void> {
    this.#options.progress(item.source);
    const layers = item.layers.map((layer): LayerBlob => {
      return { ...layer, file: this.#options.blob(layer.digest.slice('sha256:'.length)) };
    });
    await flattenImage({ name: item.source, layers }, files);
    files.end();
  }

  async #sbom(item: SbomItem): Promise<void> {
    this.#plainFile(item.path, await billOf(item, this.#packages, this.#options.blob));
  }

  /** A file that says nothing of where it comes from. */
  #plainFile(path: string, text: string): void {
    const data = Buffer.from(text);
    const fields = { path, type: FILE, mode: 0o644, size: data.length };
    this.#sink.header({ ...madeHeader(fields, { source: '', location: '' }), records: new Map() });
    this.#sink.data(data);
  }

  /** Only the system's own root has one database for several images. */
  #apkDatabase(): void {
    const databases = this.#packages.ofInit(PACKAGES);
    if (databases.length < 2) return;
    const all = Buffer.concat(databases.flatMap((data) => [data, Buffer.from('\n\n')]));
    const origin = { source: 'LINUXKIT.apkinit', location: 'init' };
    this.#sink.header(madeHeader({ path: PACKAGES, type: FILE, mode: 0o644, size: all.length }, origin));
    this.#sink.data(all);
  }
}

function attributes({ path, mode, uid, gid }: { path: string; mode: number; uid: number; gid: number }) {
  return { path, mode, uid, gid };
}

/** Writes all items to a file. Returns size and SHA-256 (hex) of the tar. Throws E_IMAGE. */
export async function writeTar(
  items: readonly Item[],
  to: string,
  options: WriteOptions,
): Promise<{ size: number; digest: string }> {
  const file = await open(to, 'w');
  try {
    const sink = new TarSink(file);
    const writer = new Writer(sink, options);
    for (const item of items) {
      options.signal.throwIfAborted();
      await writer.write(item);
      await sink.drain();
    }
    const digest = await sink.end();
    return { size: sink.size, digest };
  } finally {
    await file.close();
  }
}
