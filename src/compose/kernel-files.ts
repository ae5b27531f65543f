/** Kernel, command line, microcode and modules out of a kernel image; nothing else of it is used. */
import { DIRECTORY, FILE } from '../run/layer/entry.ts';
import { OsmithError } from '../errors.ts';
import { TarParser, type LayerEntry } from '../oci/tar-parser.ts';
import { entryFault } from '../oci/guard.ts';
import { decompressKernel } from './decompress-kernel.ts';
import { madeHeader, takenHeader, type ImageFiles, type Watch } from './image-files.ts';
import type { KernelItem } from './items.ts';
import type { HeaderSink } from './tar-sink.ts';

function fault(item: KernelItem, message: string, hint: string): OsmithError {
  return new OsmithError('E_IMAGE', `${message}: ${item.source}`, { hint });
}

/** `watch` is asked for the files that go with the kernel. */
export function kernelFiles(item: KernelItem, sink: HeaderSink, watch: Watch): ImageFiles {
  const { binary, tar, ucode, cmdline, decompress, ...origin } = item;
  let kernel = false;
  let modules = false;
  let boot = false;
  let parser: TarParser | undefined;
  let watcher: ReturnType<Watch>;
  /** A kernel that is on its way and has to be known whole. */
  let packed: { mode: number; pieces: Buffer[] } | undefined;

  function finish(): void {
    try {
      parser?.end();
    } catch (cause) {
      throw fault(item, `${tar} in kernel image cannot be read`, (cause as Error).message);
    }
    parser = undefined;
    if (packed === undefined) return;
    const { mode, pieces } = packed;
    packed = undefined;
    let plain: Buffer;
    try {
      plain = decompressKernel(Buffer.concat(pieces));
    } catch (cause) {
      const message = `The kernel of ${item.source} cannot be decompressed: ${(cause as Error).message}`;
      throw new OsmithError('E_IMAGE', message, { cause, hint: COMPRESSED });
    }
    sink.header(madeHeader(kernelFields(mode, plain.length), origin));
    sink.data(plain);
  }

  function directory(): void {
    if (!boot) sink.header(madeHeader({ path: 'boot', type: DIRECTORY, mode: 0o755 }, origin));
    boot = true;
  }

  /** Entries of the archive that is in the image. */
  const nested = {
    entry(found: LayerEntry): boolean {
      const wrong = entryFault(found);
      if (wrong !== undefined)
        throw fault(item, `${tar} in kernel image is refused: ${found.raw.name} ${wrong}`, NESTED);
      if (found.path === '') return false;
      sink.header(takenHeader(found, '', origin));
      watcher = watch(found.path);
      return true;
    },
    data(piece: Buffer): void {
      sink.data(piece);
      watcher?.(piece);
    },
  };

  function entry(found: LayerEntry): boolean {
    finish();
    if (found.type !== FILE) {
      if (found.path === binary) throw fault(item, `${binary} in kernel image is no plain file`, NO_KERNEL);
      return false;
    }
    if (found.path === binary) {
      if (kernel) throw fault(item, 'found more than one possible kernel image', NO_KERNEL);
      kernel = true;
      directory();
      const line = Buffer.from(cmdline);
      sink.header(madeHeader({ path: 'boot/cmdline', type: FILE, mode: 0o644, size: line.length }, origin));
      sink.data(line);
      if (decompress) packed = { mode: found.mode, pieces: [] };
      else sink.header(madeHeader(kernelFields(found.mode, found.size), origin));
      return true;
    }
    if (found.path === tar) {
      modules = true;
      parser = new TarParser(nested);
      return true;
    }
    if (found.path !== ucode) return false;
    directory();
    sink.header(
      madeHeader({ path: 'boot/ucode.cpio', type: FILE, mode: found.mode, size: found.size }, origin),
    );
    return true;
  }

  return {
    entry,
    data(piece) {
      if (packed !== undefined) packed.pieces.push(Buffer.from(piece));
      else if (parser === undefined) sink.data(piece);
      else parser.push(piece);
    },
    drain: () => sink.drain(),
    end() {
      finish();
      if (!kernel) throw fault(item, 'did not find kernel in kernel image', NO_KERNEL);
      if (!modules && tar !== '') throw fault(item, 'did not find kernel tar in kernel image', NO_TAR);
    },
  };
}

function kernelFields(mode: number, size: number) {
  return { path: 'boot/kernel', type: FILE, mode, size };
}

const COMPRESSED = 'Leave out --decompress-kernel, or take a kernel that is packed with gzip';
const NO_KERNEL = 'kernel.binary names the file in the image that is the kernel; the default is kernel';
const NO_TAR = 'kernel.tar names the file with its modules; write tar: none if there is none';
const NESTED = 'Do not use the image before you know where it comes from';
