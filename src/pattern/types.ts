/** What patterns, their runs and their tokens are made of. Plain data, shared by the command line and the agent. */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** How a script is run. Levels: configuration, pattern, groups, command; see `resolveExec`. */
export interface Exec {
  /** Program and arguments that get the script as their last argument; default `bash -e -o pipefail -c`. */
  command?: string | undefined;
  env?: Record<string, string> | undefined;
  /** Whether the environment of the calling process is handed on. */
  envInherit?: boolean | undefined;
  /** Name or number. */
  user?: string | undefined;
  /** Name or number. */
  group?: string | undefined;
  workDir?: string | undefined;
  /** Runs the script in a container of this image, by `docker run`. */
  containerImage?: string | undefined;
  containerEntrypoint?: string | undefined;
  containerNetwork?: string | undefined;
  containerPrivileged?: boolean | undefined;
  containerPull?: 'always' | 'missing' | 'never' | undefined;
  containerUser?: string | undefined;
  containerVolumes?: string[] | undefined;
  containerWorkDir?: string | undefined;
  /** Whether levels below may change anything. */
  allowOverride?: boolean | undefined;
}

export interface Command {
  id: string;
  /** Exits with 0 when nothing has to be done. */
  check?: string | undefined;
  change?: string | undefined;
  remove?: string | undefined;
  /** Runs `change` (or `remove`) whatever `check` says. */
  always?: boolean | undefined;
  /** A different `change` in a later pattern does not remove this first. */
  changeIgnore?: boolean | undefined;
  /** When the diff removes it, then after the new commands have run. */
  removeAfter?: boolean | undefined;
  /** Given to each script on its standard input. */
  stdin?: string | undefined;
  exec?: Exec | undefined;
  envPrefix?: string | undefined;
  /** Ids or regular expressions of later commands, or events. */
  onChange?: string[] | undefined;
  /** Ids or regular expressions of later commands, or events. */
  onFail?: string[] | undefined;
  /** Ids or regular expressions of earlier commands, or events. */
  onRemove?: string[] | undefined;
}

/** A list of its own: ids inside are resolved inside. */
export interface Group {
  id: string;
  exec?: Exec | undefined;
  commands: Entry[];
}

export type Entry = Command | Group;

export interface Pattern {
  build: Entry[];
  run: Entry[];
  buildExec?: Exec | undefined;
  runExec?: Exec | undefined;
  runVars?: Record<string, Json> | undefined;
  audience?: string[] | undefined;
  /** Seconds that its token holds. */
  expiresIn?: number | undefined;
  id?: string | undefined;
  issuer?: string | undefined;
  subject?: string | undefined;
}

/** A pattern as text, complete: renders anywhere without other files. */
export interface PatternFiles {
  /** Path in `files`. */
  entrypoint: string;
  /** Path, relative to the root they were collected from, to contents. */
  files: Record<string, string>;
}

export type Mode = 'change' | 'check' | 'remove';
export type Phase = 'check' | 'change' | 'remove';

/** Raised by a target that begins with `osmith:`. */
export interface RaisedEvent {
  /** Without the prefix: `buildManifest`, `runVar_NAME`, `stdout`, `exit`, `jwt`, `webhookBody`, or one of your own. */
  name: string;
  /** Path of the command that raised it. */
  id: string;
  /** What the script printed, without trailing newlines. */
  value: string;
}

/** What happens during a run, as it happens. */
export type RunEvent =
  | { type: 'start'; id: string; phase: Phase }
  /** `carried`: an event of the command is going to carry it. */
  | { type: 'output'; id: string; phase: Phase; stream: 'stdout' | 'stderr'; text: string; carried: boolean }
  | { type: 'end'; id: string; phase: Phase; exit: number }
  | { type: 'skip'; id: string; reason: 'nothing to do' | 'an earlier command failed' }
  | { type: 'exec-ignored'; id: string }
  | { type: 'raise'; event: RaisedEvent };

export interface Failure {
  id: string;
  phase: Phase;
  /** Exit code; 127 and the like when it could not be started, 128 + n when signal n ended it. */
  exit: number;
  /** Last lines that it printed. */
  tail: string[];
}

export interface CommandResult {
  id: string;
  /** Exit code of each script that ran. */
  check?: number;
  change?: number;
  remove?: number;
}

export interface RunReport {
  /** Paths (`id`, or `group/id`) whose change ran; in check mode those whose check did not pass. */
  changed: string[];
  removed: string[];
  failed?: Failure;
  /** Empty when all went well, else one line that says what did not. */
  err: string;
  /** Set by the event `exit`: the code with which the program that runs this shall end afterwards. */
  exit?: number;
  events: RaisedEvent[];
  results: CommandResult[];
}

/** Commands with the levels of exec above them, outermost first. */
export interface CommandList {
  commands: Entry[];
  exec?: Exec[] | undefined;
}

export interface RunOptions extends CommandList {
  mode: Mode;
  /** What ran last time: what it has and `commands` has not is removed. Only in mode `change`. */
  previous?: CommandList | undefined;
  /** Variables for every script, such as the run variables; exec's `env` goes over them. */
  env?: Record<string, string> | undefined;
  emit?: ((event: RunEvent) => void) | undefined;
  /** Stops the running script, and with it the run. */
  signal?: AbortSignal | undefined;
}

export interface Claims {
  aud?: string[] | undefined;
  /** Seconds since the Unix epoch, as `iat` and `nbf`. */
  exp?: number | undefined;
  iat?: number | undefined;
  iss?: string | undefined;
  jti?: string | undefined;
  nbf?: number | undefined;
  sub?: string | undefined;
  /** What the build is made of; for an image the text of its manifest.json. */
  buildManifest?: string | undefined;
  pattern?: PatternFiles | undefined;
  runVars?: Record<string, Json> | undefined;
  /** Version of the program that made the token. */
  osmithVersion?: string | undefined;
}

export interface Key {
  algorithm: 'ed25519' | 'ecp256' | 'rsa';
  kind: 'private' | 'public';
  /** PKCS #8 or SubjectPublicKeyInfo. */
  der: Uint8Array<ArrayBuffer>;
  id: string;
}

/** Signs elsewhere, such as in an HSM: the command gets the signing input on stdin and prints the signature. */
export interface SignCommand {
  argv: string[];
  /** Says algorithm and key id; the signature is checked with it. */
  publicKey: Key;
}

/** Verifies elsewhere: the command gets the token on stdin and exits with 0 when its signature holds. */
export interface VerifyCommand {
  argv: string[];
}

export interface VerifyOptions {
  /** Public keys, or texts of such, or commands. */
  keys: (Key | string | VerifyCommand)[];
  /** Milliseconds since the Unix epoch, as `now()` of env.ts. */
  now: number;
  /** One of the token's audiences must be this; absent: any. */
  audience?: string | undefined;
  /** Jsonnet expression over `claims` that must be true. */
  rule?: string | undefined;
}

/** Differences of two named sets, sorted. */
export interface SetDifference {
  added: { name: string; value: string }[];
  removed: { name: string; value: string }[];
  changed: { name: string; from: string; to: string }[];
}

export interface ManifestDifference {
  equal: boolean;
  packages: SetDifference;
  artifacts: SetDifference;
  /** Everything else of the manifest, by path. Time stamps are left out. */
  other: SetDifference;
}
