import type { Readable } from 'node:stream';
import type { ZodType } from 'zod';
import type { Json } from '../plan/types.ts';

/** A root filesystem as layer tars in the store, lowest first: OCI layer format, uncompressed, whiteouts included. */
export interface Tree {
  layers: string[];
}

/** A file in the store. */
export interface Blob {
  digest: string;
  size: number;
}

/** What a step made. `path`s are relative to the step's work directory. */
export interface StepOutput {
  /** Single files: output name to path, or a blob that the store already has. */
  files?: Record<string, string | Blob>;
  /** Directories of files: output name to (file name to path, or a blob that the store already has). */
  sets?: Record<string, Record<string, string | Blob>>;
  trees?: Record<string, Tree>;
  /** Small JSON values that later steps and the manifest read. */
  facts?: Record<string, Json>;
  /** Set by the step that learns it (from package dates); else the newest of the inputs'. */
  epoch?: number;
}

export interface ExecOptions {
  /** Never a shell string: a program and its arguments. */
  argv: readonly string[];
  env?: Record<string, string>;
  /** Working directory inside the sandbox; default `/work`. */
  cwd?: string;
  stdin?: Readable | string;
  /** `log` (default): to the step's log. `capture`: returned. A path relative to the work directory: written there. */
  stdout?: 'log' | 'capture' | { file: string };
  /** Trees to mount: absolute mount point to tree. Read-only unless `writable`. */
  trees?: Record<string, { tree: Tree; writable?: boolean }>;
  /** Enter the tree mounted here (must be in `trees`) with chroot, with /proc, /sys, /dev, /tmp, /run in place. */
  chroot?: string;
  /** The tree mounted here gets the same, for a program outside of it that enters it by itself. */
  system?: string;
  /** Runs a program of another architecture: registers its emulator in the sandbox. */
  arch?: string;
  /** What is not mounted writable cannot be written to; else such changes vanish with the sandbox. */
  readOnly?: boolean;
  /** Exit codes taken as success; default [0]. */
  okCodes?: number[];
}

export interface ExecResult {
  exitCode: number;
  /** Filled only with `stdout: 'capture'`. */
  stdout: string;
}

/**
 * What a step sees. Inside the sandbox: the tools tree at `/` (read-only), the work directory at `/work`
 * (read-write), file inputs at `/in/NAME`, set inputs as directories `/in/NAME/`, source inputs at `/in/NAME`,
 * a fresh `/tmp`. Nothing else of the host.
 */
export interface StepContext<P> {
  params: P;
  /** Seconds since the Unix epoch for every time stamp. Also SOURCE_DATE_EPOCH in the sandbox. */
  epoch: number;
  /** 64 hex digits, derived from the step's key: the source of UUIDs and the like. */
  seed: string;
  /** Host path of the store. */
  store: string;
  /** Host path of the work directory; empty at start, removed at the end. */
  work: string;
  signal: AbortSignal;
  /** Names of its inputs. */
  inputs: string[];
  /** A tree input. */
  tree(input: string): Tree;
  /** Host path of a file, set or source input. */
  path(input: string): string;
  /** Digest and size of a file input. */
  blob(input: string): Blob;
  /** Facts of the step behind an input. */
  facts(input: string): Record<string, Json>;
  /** Facts of the last result that the step had in a build of this variant: for what people are told, not for results. */
  before(): Promise<Record<string, Json>>;
  /** Runs a program in the step's sandbox; throws E_TOOL on any other exit code than expected. */
  exec(options: ExecOptions): Promise<ExecResult>;
  /**
   * A tree as one tar stream, layers merged, whiteouts applied, device nodes kept, times clamped to the epoch.
   * `select`: only these paths; nothing else is read. Hard links to what is left out carry the content themselves.
   */
  flatten(tree: Tree, select?: (path: string) => boolean): Readable;
  /** The changes that `exec` made to the writable tree at this mount point, as a further layer on top of it. */
  commit(mountPoint: string): Promise<Tree>;
  /** Turns a tar file in the work directory into a tree of one layer. */
  importTar(path: string): Promise<Tree>;
  /** Moves a file of the work directory into the store now, so that it survives a failure of this step. */
  keep(path: string): Promise<Blob>;
  /** Whether the store holds a file already, intact. */
  has(digest: string, size: number): Promise<boolean>;
  log(line: string): void;
  /** Tells people of what they should know, though it stops nothing. */
  warn(text: string): void;
  /** Short text on what is being done, shown live. */
  progress(text: string): void;
}

export interface StepKind<P = unknown> {
  kind: string;
  /** One line for people: what it does. */
  summary(params: P): string;
  params: ZodType<P>;
  run(context: StepContext<P>): Promise<StepOutput>;
}

/** Gives a step kind its types. */
export function defineStep<P>(kind: StepKind<P>): StepKind<P> {
  return kind;
}
