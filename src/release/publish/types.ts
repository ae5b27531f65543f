/**
 * Where releases are published. One module per kind of target, each of which passes the same suite (conformance.ts).
 * A publisher sees the files of one build name (a variant); paths are relative to the target's root, with `/`. Whoever
 * changes anything holds the lock.
 */
import type { Lock } from '../../run/lock.ts';
import type { Reader } from '../reader.ts';

export interface PublishedFile {
  path: string;
  size: number;
}

/** A file to publish: of this machine, with what it must be, or its bytes. */
export type Content = { file: string; size: number; sha256: string } | Buffer;

export interface Publisher {
  /** What users call the target. */
  readonly place: string;
  /**
   * Excludes other releases of this name, and makes ready what follows. Undefined: another one holds it. The kernel
   * or the target itself must give it free when the holder dies.
   */
  lock(): Promise<Lock | undefined>;
  /** All files below a directory, sorted by path; without those that `put` has not finished. */
  list(directory: string): Promise<PublishedFile[]>;
  /** Undefined: there is none. Throws E_TARGET for one that is larger. */
  read(path: string, limit: number): Promise<Buffer | undefined>;
  /**
   * Publishes a file that no token names yet. It appears as a whole or not at all, and only if it is what it must be:
   * E_SIGNATURE otherwise. One that is there already is not sent again.
   */
  put(path: string, content: Content): Promise<void>;
  /** Replaces a file at once. Whoever sees the new one also sees everything that was put before, also after a crash. */
  commit(path: string, content: Buffer): Promise<void>;
  /** Removes files, and directories that are empty then. What is not there is no error. */
  remove(paths: readonly string[]): Promise<void>;
}

export interface PublisherOptions {
  /** What follows the kind in the target, such as a path. */
  target: string;
  /** The build's name. */
  name: string;
  signal?: AbortSignal | undefined;
}

export interface PublisherKind {
  /** Targets of this kind begin with `KIND://`; those without any are directories. */
  kind: string;
  open(options: PublisherOptions): Publisher;
  /** For those who only look at what is there, of any name. */
  read(options: Omit<PublisherOptions, 'name'>): Reader;
}
