/** Replaces the random identifiers that qemu-img gives virtual disks by ones that follow from the seed. */
import { open, type FileHandle } from 'node:fs/promises';
import { OsmithError } from '../errors.ts';
import { crc32c } from './crc32c.ts';
import { guidBytes, seededId32, seededUuid } from './ids.ts';
import type { VirtualDiskFormat } from './qemu-img.ts';

async function readAt(file: FileHandle, length: number, position: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}

async function writeAt(file: FileHandle, data: Buffer, position: number): Promise<void> {
  await file.write(data, 0, data.length, position);
}

/** Sectors that a VMDK file's text descriptor may take, padded with zeros. */
const VMDK_DESCRIPTOR = 20 * 512;

/**
 * VMDK: `CID=xxxxxxxx` in the text descriptor that follows the header sector (VMware Virtual Disk Format 5.0).
 * qemu-img writes it without leading zeros, so the text may grow.
 */
async function settleVmdk(file: FileHandle, seed: string): Promise<void> {
  const padded = await readAt(file, VMDK_DESCRIPTOR, 512);
  const text = padded.toString('latin1', 0, Math.max(padded.indexOf(0), 0));
  const settled = text.replace(/^CID=[0-9a-f]{1,8}$/m, `CID=${seededId32(seed, 'vmdk').toLowerCase()}`);
  if (settled === text) throw new OsmithError('E_STEP', 'The VMDK file has no content id where it belongs');
  const descriptor = Buffer.alloc(VMDK_DESCRIPTOR);
  descriptor.write(settled, 'latin1');
  await writeAt(file, descriptor, 512);
}

/** VDI: image UUID at 0x188, UUID of the last snapshot after it (VirtualBox' VDICore.h, header 1.1). */
async function settleVdi(file: FileHandle, seed: string): Promise<void> {
  await writeAt(file, guidBytes(seededUuid(seed, 'vdi/image')), 0x188);
  await writeAt(file, guidBytes(seededUuid(seed, 'vdi/snapshot')), 0x198);
}

/** [MS-VHDX] 2.2.2: two headers of 4 KiB, each with a checksum over itself. */
const VHDX_HEADERS = [64 * 1024, 128 * 1024];
/** [MS-VHDX] 2.2.3.2: the metadata region; qemu-img puts it here, [MS-VHDX] lets a table say. */
const VHDX_REGION_TABLE = 192 * 1024;
const METADATA_REGION = guidBytes('8b7ca206-4790-4b9a-b8fe-575f050f886e');
/** [MS-VHDX] 2.6.2.3: the disk's identity for SCSI. */
const PAGE_83 = guidBytes('beca12ab-b2e6-4523-93ef-c309e000c746');

/** Headers with fixed identifiers and sequence numbers (the higher one counts), and an empty log. */
async function settleVhdxHeaders(file: FileHandle, seed: string): Promise<void> {
  const headers = await Promise.all(VHDX_HEADERS.map((position) => readAt(file, 4096, position)));
  const sequence = (header: Buffer) => header.readBigUInt64LE(8);
  const firstCounts = sequence(headers[0]!) > sequence(headers[1]!);
  for (const [index, header] of headers.entries()) {
    if (header.toString('latin1', 0, 4) !== 'head')
      throw new OsmithError('E_STEP', 'The VHDX file has no header');
    header.writeBigUInt64LE((index === 0) === firstCounts ? 2n : 1n, 8);
    guidBytes(seededUuid(seed, 'vhdx/file')).copy(header, 16);
    guidBytes(seededUuid(seed, 'vhdx/data')).copy(header, 32);
    header.fill(0, 48, 64); // log GUID: nothing to replay, qemu-img has written it all in place
    header.writeUInt32LE(0, 4);
    header.writeUInt32LE(crc32c(header), 4);
    await writeAt(file, header, VHDX_HEADERS[index]!);
    await writeAt(file, Buffer.alloc(header.readUInt32LE(68)), Number(header.readBigUInt64LE(72)));
  }
}

async function settleVhdx(file: FileHandle, seed: string): Promise<void> {
  await settleVhdxHeaders(file, seed);
  const regions = await readAt(file, 64 * 1024, VHDX_REGION_TABLE);
  const region = regions.indexOf(METADATA_REGION);
  const start = region < 0 ? -1 : Number(regions.readBigUInt64LE(region + 16));
  const table = start < 0 ? Buffer.alloc(0) : await readAt(file, 64 * 1024, start);
  const item = table.indexOf(PAGE_83);
  if (item < 0) throw new OsmithError('E_STEP', 'The VHDX file has no disk identity where it belongs');
  await writeAt(file, guidBytes(seededUuid(seed, 'vhdx/disk')), start + table.readUInt32LE(item + 16));
}

/** Footer of a VHD (Microsoft, Virtual Hard Disk Image Format Specification 1.0): 512 bytes with a checksum. */
const VHD_FOOTER = 512;
/** 1 January 2000, where VHD's time begins. */
const VHD_EPOCH = 946684800;

function settledFooter(footer: Buffer, seed: string, epoch: number): Buffer {
  if (footer.toString('latin1', 0, 8) !== 'conectix')
    throw new OsmithError('E_STEP', 'The VHD file has no footer where it belongs');
  footer.writeUInt32BE(Math.max(epoch - VHD_EPOCH, 0), 24);
  Buffer.from(seededUuid(seed, 'vhd').replaceAll('-', ''), 'hex').copy(footer, 68);
  footer.writeUInt32BE(0, 64);
  const sum = footer.reduce((total, byte) => total + byte, 0);
  footer.writeUInt32BE(~sum >>> 0, 64);
  return footer;
}

/** The footer is at the end, in dynamic disks at the beginning too. */
async function settleVhd(file: FileHandle, seed: string, epoch: number, dynamic: boolean): Promise<void> {
  const { size } = await file.stat();
  for (const at of [size - VHD_FOOTER, ...(dynamic ? [0] : [])]) {
    await writeAt(file, settledFooter(await readAt(file, VHD_FOOTER, at), seed, epoch), at);
  }
}

/** Changes the file in place. QCOW2 and Parallels' images have no identifiers. */
export async function settleIds(
  path: string,
  format: VirtualDiskFormat,
  seed: string,
  epoch: number,
): Promise<void> {
  if (format === 'qcow2' || format === 'parallels') return;
  const file = await open(path, 'r+');
  try {
    if (format === 'vhd' || format === 'dynamic.vhd')
      await settleVhd(file, seed, epoch, format === 'dynamic.vhd');
    else await { vmdk: settleVmdk, vdi: settleVdi, vhdx: settleVhdx }[format](file, seed);
  } finally {
    await file.close();
  }
}
