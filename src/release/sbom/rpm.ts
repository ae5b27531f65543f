/** rpm's databases, SQLite and ndb: each has one header blob for each package (rpm, lib/header.c). */
import { DatabaseSync } from 'node:sqlite';
import type { Component } from './types.ts';

/** Tags of a header (rpm, include/rpm/rpmtag.h). */
const TAG = {
  name: 1000,
  version: 1001,
  release: 1002,
  epoch: 1003,
  license: 1014,
  arch: 1022,
  source: 1044,
};

/** Number of entries, size of the data, entries of 16 bytes, data. Strings end with a zero byte. */
function readHeader(blob: Buffer): Map<number, string> {
  const count = blob.readUInt32BE(0);
  const data = 8 + count * 16;
  const tags = Object.values(TAG);
  const fields = new Map<number, string>();
  for (let at = 8; at < data; at += 16) {
    const tag = blob.readUInt32BE(at);
    if (!tags.includes(tag)) continue;
    const type = blob.readUInt32BE(at + 4);
    const start = data + blob.readUInt32BE(at + 8);
    // 4 is a number of 32 bits, the others that these tags have are strings.
    fields.set(
      tag,
      type === 4 ? String(blob.readUInt32BE(start)) : blob.toString('utf8', start, blob.indexOf(0, start)),
    );
  }
  return fields;
}

function component(fields: Map<number, string>): Component[] {
  const name = fields.get(TAG.name);
  const arch = fields.get(TAG.arch);
  // Keys that signatures are checked with stand among the packages.
  if (name === undefined || name === 'gpg-pubkey') return [];
  const epoch = fields.get(TAG.epoch);
  const version = `${epoch === undefined ? '' : `${epoch}:`}${fields.get(TAG.version)}-${fields.get(TAG.release)}`;
  const [, source, sourceVersion] =
    /^(.+)-([^-]+-[^-]+)\.(?:no)?src\.rpm$/.exec(fields.get(TAG.source) ?? '') ?? [];
  return [
    {
      ...{ type: 'rpm', name, version, arch, license: fields.get(TAG.license) },
      source: { name: source ?? name, version: sourceVersion ?? version },
    },
  ];
}

/** Offsets of the versions that say whether the journal is a file of its own. */
const JOURNAL = [18, 19];

/** Throws an Error when it is no such database. */
export function parseRpmDatabase(data: Buffer): Component[] {
  const copy = Buffer.from(data);
  // A copy in memory has no place for such a journal.
  for (const at of JOURNAL) copy[at] = 1;
  const database = new DatabaseSync(':memory:');
  try {
    database.deserialize(copy);
    const rows = database.prepare('SELECT blob FROM Packages ORDER BY hnum').all() as { blob: Uint8Array }[];
    return rows.flatMap(({ blob }) => component(readHeader(Buffer.from(blob))));
  } finally {
    database.close();
  }
}

/** A header of 32 bytes, whole pages of slots that say where blobs are, blobs (rpm, lib/backend/ndb/rpmpkg.c). */
const NDB = { magic: 'RpmP', header: 32, page: 4096, slot: 16, block: 16 };

/** The same of an ndb, as openSUSE has it. */
export function parseRpmNdb(data: Buffer): Component[] {
  if (data.toString('latin1', 0, 4) !== NDB.magic) throw new Error('This is no ndb database');
  const components: Component[] = [];
  const end = data.readUInt32LE(12) * NDB.page;
  for (let slot = NDB.header; slot < end; slot += NDB.slot) {
    const at = data.readUInt32LE(slot + 8) * NDB.block;
    // A slot without a place is free.
    if (at === 0) continue;
    const size = data.readUInt32LE(at + 12);
    components.push(...component(readHeader(data.subarray(at + NDB.block, at + NDB.block + size))));
  }
  return components;
}
