/** What is compared: files by path, wherever they were read from. */

export type FileType =
  'file' | 'directory' | 'symlink' | 'character device' | 'block device' | 'pipe' | 'socket' | 'partition';

export interface FileFacts {
  type: FileType;
  /** Permission bits, owner and group; absent where the format has none, as FAT. */
  mode?: number;
  owner?: string;
  /** Bytes, of files. */
  size?: number;
  /** SHA-256 of a file's content as it is. */
  digest?: string;
  /** The same without signatures and keys that every build makes anew; absent if there are none. */
  neutral?: string;
  /** Target of a symbolic link, numbers of a device, what the table says of a partition. */
  detail?: string;
  /** Extended attributes, as one text; absent where a reader does not look for them. */
  attributes?: string;
  /** All names of a file that has several, as one text; empty for one; absent where a reader does not tell. */
  names?: string;
}

/** Paths without a leading slash; those on a disk begin with the partition, as in `3:usr/bin/env`. */
export type Listing = Map<string, FileFacts>;

export type Aspect = 'type' | 'mode' | 'owner' | 'content' | 'target' | 'attributes' | 'names';

export interface Difference {
  path: string;
  change: 'added' | 'removed' | 'changed';
  /** What differs, of a change. */
  what: Aspect[];
  a?: FileFacts;
  b?: FileFacts;
}

export interface TreeComparison {
  differences: Difference[];
  /** Files that differ in nothing but signatures and keys. */
  neutralised: string[];
  /** How many paths are the same. */
  same: number;
}
