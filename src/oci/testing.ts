/** For tests: layers, also such as nobody should write, and images of them in a layout. */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { padded, paxRecord, ustarBlock } from '../run/layer/entry.ts';
import type { LayerBlob } from './layer.ts';
import { digestOf } from './verify.ts';

/** An entry as it is to stand in the archive, with nothing normalised. */
export interface RawEntry {
  name: string;
  type?: string;
  mode?: number;
  uid?: number;
  gid?: number;
  mtime?: number;
  link?: string;
  content?: string | Buffer;
  device?: [number, number];
  records?: Record<string, string>;
}

function extended(records: Record<string, string>): Buffer {
  const data = Buffer.concat(
    Object.entries(records).map(([key, value]) => paxRecord(key, Buffer.from(value))),
  );
  const fields = { mode: 0o644, uid: 0, gid: 0, size: data.length, mtime: 0, type: 'x' };
  const header = ustarBlock({ ...fields, name: Buffer.from('x'), link: Buffer.alloc(0) });
  return Buffer.concat([header, data, Buffer.alloc(padded(data.length) - data.length)]);
}

export function layerTar(entries: readonly RawEntry[]): Buffer {
  const parts = entries.flatMap((entry) => {
    const { name, type = '0', mode = type === '5' ? 0o755 : 0o644, uid = 0, gid = 0, mtime = 1000 } = entry;
    const data = Buffer.from((entry.content ?? '') as string);
    const [major, minor] = entry.device ?? [0, 0];
    const long = { ...(name.length > 100 && { path: name }), ...entry.records };
    const header = ustarBlock({
      ...{ name: Buffer.from(name), link: Buffer.from(entry.link ?? ''), size: data.length },
      ...{ type, mode, uid, gid, mtime, major, minor },
    });
    const before = Object.keys(long).length === 0 ? [] : [extended(long)];
    return [...before, header, data, Buffer.alloc(padded(data.length) - data.length)];
  });
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

export type Packing = 'tar' | 'gzip' | 'zstd';

const PACK: Record<Packing, (data: Buffer) => Buffer> = {
  tar: (data) => data,
  gzip: (data) => gzipSync(data),
  zstd: (data) => zstdCompressSync(data),
};

const SUFFIX: Record<Packing, string> = { tar: '', gzip: '+gzip', zstd: '+zstd' };

/** A layer as a file. */
export function layerBlob(dir: string, tar: Buffer, packing: Packing = 'gzip'): LayerBlob {
  const data = PACK[packing](tar);
  const file = join(dir, createHash('sha256').update(data).digest('hex'));
  writeFileSync(file, data);
  const mediaType = `application/vnd.oci.image.layer.v1.tar${SUFFIX[packing]}`;
  return { digest: digestOf(data), size: data.length, mediaType, file };
}

export interface TestImage {
  name: string;
  layers: readonly Buffer[];
  packing?: Packing;
  arch?: string;
  /** Software bills (SPDX) that are attested of it. */
  bills?: readonly object[];
  /** The part `config` of the configuration. */
  config?: Record<string, unknown>;
  /** Changes the manifest before it is written. */
  alter?: (manifest: Record<string, unknown>) => Record<string, unknown>;
}

type Added = { mediaType: string; digest: string; size: number };

/** What buildkit puts beside an image. */
function attestation(predicate: object, json: (value: unknown, mediaType: string) => Added): object {
  const predicateType = 'https://spdx.dev/Document';
  const statement = { _type: 'https://in-toto.io/Statement/v0.1', predicateType, subject: [], predicate };
  const layer = json(statement, 'application/vnd.in-toto+json');
  return {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: json({ rootfs: { diff_ids: [] } }, 'application/vnd.oci.image.config.v1+json'),
    layers: [{ ...layer, annotations: { 'in-toto.io/predicate-type': predicateType } }],
  };
}

/** Writes a layout with these images. Several of one name are one image for several architectures. */
export function writeLayout(dir: string, images: readonly TestImage[]): string {
  const blobs = join(dir, 'blobs/sha256');
  mkdirSync(blobs, { recursive: true });
  const add = (data: Buffer, mediaType: string) => {
    const digest = digestOf(data);
    writeFileSync(join(blobs, digest.slice(7)), data);
    return { mediaType, digest, size: data.length };
  };
  const json = (value: unknown, mediaType: string) => add(Buffer.from(JSON.stringify(value)), mediaType);
  const manifests = images.flatMap((image) => {
    const { name, layers, packing = 'gzip', arch = 'amd64', config = {}, bills = [], alter } = image;
    const layerType = `application/vnd.oci.image.layer.v1.tar${SUFFIX[packing]}`;
    const document = {
      ...{ architecture: arch, os: 'linux', config },
      rootfs: { type: 'layers', diff_ids: layers.map(digestOf) },
    };
    const manifest = {
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: json(document, 'application/vnd.oci.image.config.v1+json'),
      layers: layers.map((layer) => add(PACK[packing](layer), layerType)),
    };
    const annotations = { 'org.opencontainers.image.ref.name': name };
    const made = json(alter?.(manifest) ?? manifest, manifest.mediaType);
    const platform = { architecture: arch, os: 'linux' };
    const attested = bills.map((predicate) => ({
      ...json(attestation(predicate, json), manifest.mediaType),
      platform: { architecture: 'unknown', os: 'unknown' },
      annotations: {
        ...annotations,
        'vnd.docker.reference.type': 'attestation-manifest',
        'vnd.docker.reference.digest': made.digest,
      },
    }));
    return [{ ...made, platform, annotations }, ...attested];
  });
  writeFileSync(join(dir, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(join(dir, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
  return dir;
}
