/**
 * Takes the compression off a kernel: some virtual machine monitors start only plain ones. It is either packed as a whole
 * (arm64's Image.gz) or a bzImage, which holds it behind the code that unpacks it (Linux, Documentation/arch/x86/boot.rst).
 */
import { gunzipSync } from 'node:zlib';

/** Offsets in the header of a bzImage. */
const SETUP_SECTORS = 0x1f1;
const MAGIC = 0x202;
const PROTOCOL = 0x206;
const PAYLOAD_OFFSET = 0x248;
const PAYLOAD_LENGTH = 0x24c;
const HEADER_END = 0x250;

/** The first protocol that says where the payload is. */
const SINCE = 0x0208;

/** No kernel is larger; what would be is a bomb. Bytes. */
const MAX_KERNEL = 1 << 29;

function isGzip(data: Buffer): boolean {
  return data.length > 2 && data[0] === 0x1f && data[1] === 0x8b;
}

function payload(image: Buffer): Buffer {
  if (image.length < HEADER_END || image.toString('latin1', MAGIC, MAGIC + 4) !== 'HdrS') {
    throw new Error('it is neither a gzip file nor a bzImage');
  }
  const protocol = image.readUInt16LE(PROTOCOL);
  if (protocol < SINCE) {
    throw new Error(`its boot protocol ${protocol >> 8}.${protocol & 0xff} is older than 2.8`);
  }
  // Zero sectors mean four, as in the days of floppy disks.
  const start = ((image[SETUP_SECTORS]! || 4) + 1) * 512 + image.readUInt32LE(PAYLOAD_OFFSET);
  const end = start + image.readUInt32LE(PAYLOAD_LENGTH);
  if (end > image.length) throw new Error('it is cut off');
  const packed = image.subarray(start, end);
  if (!isGzip(packed)) throw new Error('what it holds is not packed with gzip');
  return packed;
}

/** Throws an Error that says, as the end of a sentence, why it cannot be done. */
export function decompressKernel(image: Buffer): Buffer {
  const packed = isGzip(image) ? image : payload(image);
  try {
    return gunzipSync(packed, { maxOutputLength: MAX_KERNEL });
  } catch (cause) {
    throw new Error(`its gzip data is damaged: ${(cause as Error).message}`, { cause });
  }
}
