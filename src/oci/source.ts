/** Where images come from: an image layout, or a registry. One interface, so that the search goes through a list. */
import type { Reference } from './reference.ts';
import type { Descriptor } from './types.ts';

/** A manifest or index as it was found under a reference. */
export interface Found {
  descriptor: Descriptor;
  data: Buffer;
}

export interface ImageSource {
  /** For messages: `layout DIR`, `registry HOST`. */
  name: string;
  /** What the reference names here; undefined if nothing. The data is verified. */
  find(reference: Reference): Promise<Found | undefined>;
  /** A small blob in memory, verified. */
  read(reference: Reference, descriptor: Descriptor): Promise<Buffer>;
  /** A blob into a file, verified while it is written. */
  fetch(reference: Reference, descriptor: Descriptor, file: string): Promise<void>;
}

/** Manifests, indexes and configurations larger than this are refused: they are held in memory. Bytes. */
export const MAX_DOCUMENT = 4 << 20;
