/** Identifiers that look random but follow from a seed, so that the same inputs give the same image. */
import { createHash } from 'node:crypto';

function derive(seed: string, name: string): Buffer {
  return createHash('sha256').update(`${seed}\0${name}`).digest();
}

/** A UUID of version 8 (RFC 9562: "custom", made of whatever the maker likes), lower case. */
export function seededUuid(seed: string, name: string): string {
  const bytes = derive(seed, name).subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** Eight upper-case hex digits: the volume id of a FAT file system, the content id of a VMDK file. */
export function seededId32(seed: string, name: string): string {
  return derive(seed, name).subarray(0, 4).toString('hex').toUpperCase();
}

/** A UUID in the mixed-endian byte order of GPT, VDI and VHDX. */
export function guidBytes(uuid: string): Buffer {
  const bytes = Buffer.from(uuid.replaceAll('-', ''), 'hex');
  bytes.subarray(0, 4).reverse();
  bytes.subarray(4, 6).reverse();
  bytes.subarray(6, 8).reverse();
  return bytes;
}
