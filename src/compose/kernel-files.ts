/** Kernel, command line, microcode and modules out of a kernel image; nothing else of it is used. */
import { DIRECTORY, FILE } from '../run/layer/entry.ts';
import { OsmithError } from '../errors.ts';
import { TarParser, type LayerEntry } from '../oci/tar-parser.ts';
import { entryFault } from '../oci/guard.ts';
import { madeHeader, takenHeader, type ImageFiles } from './image-files.ts';
import type { KernelItem } from './items.ts';
import type { TarSink } from './tar-sink.ts';

function fault(item: KernelItem, message: string, hint: string): OsmithError {
  return new OsmithError('E_IMAGE', `${message}: ${item.source}`, { hint });
}

export function kernelFiles(item: KernelItem, sink: TarSink): ImageFiles {
  const { binary, tar, ucode, cmdline, ...origin } = item;
  let kernel = false;
  let modules = false;
  let boot = false;
  let parser: TarParser | undefined;

  function finish(): void {
    try {
      parser?.end();
    } catch (cause) {
      throw fault(item, `${tar} in kernel image cannot be read`, (cause as Error).message);
    }
    parser = undefined;
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
      return true;
    },
    data: (piece: Buffer) => sink.data(piece),
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
      sink.header(
        madeHeader({ path: 'boot/kernel', type: FILE, mode: found.mode, size: found.size }, origin),
      );
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
      if (parser === undefined) sink.data(piece);
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

const NO_KERNEL = 'kernel.binary names the file in the image that is the kernel; the default is kernel';
const NO_TAR = 'kernel.tar names the file with its modules; write tar: none if there is none';
const NESTED = 'Do not use the image before you know where it comes from';
