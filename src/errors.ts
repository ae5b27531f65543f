/** Exit codes of the command line, the same for every command. */
export const EXIT = { ok: 0, build: 1, usage: 2, lock: 3, test: 4, verify: 5 } as const;

/**
 * Every error a user can meet: its exit code and one line on what it means.
 * Each has a page in docs/errors/, checked by a test.
 */
export const CODES = {
  E_INTERNAL: { exit: EXIT.build, title: 'A fault in Osmith itself' },
  E_INTERRUPTED: { exit: EXIT.build, title: 'Stopped by a signal' },
  E_USAGE: { exit: EXIT.usage, title: 'The command line is wrong' },
  E_CONFIG: { exit: EXIT.usage, title: 'The configuration is wrong' },
  E_WORKSPACE: { exit: EXIT.usage, title: 'The workspace cannot be used' },
  E_HOOK_MISSING: { exit: EXIT.usage, title: 'A configured hook does not exist' },
  E_HOOK: { exit: EXIT.build, title: 'A hook failed' },
  E_CREDENTIAL: { exit: EXIT.usage, title: 'A credential is missing or not safe' },
  E_STAGE: { exit: EXIT.usage, title: 'An earlier stage has to be built first' },
  E_HOST: { exit: EXIT.usage, title: 'The host lacks something Osmith needs' },
  E_OUT: { exit: EXIT.usage, title: 'The output directory cannot be used' },
  E_LOCK: { exit: EXIT.lock, title: 'Another process holds a lock' },
  E_STEP: { exit: EXIT.build, title: 'A step failed' },
  E_TOOL: { exit: EXIT.build, title: 'A program that a step ran failed' },
  E_PACKAGE_MISSING: { exit: EXIT.build, title: 'A package cannot be found or installed' },
  E_SUITE: { exit: EXIT.build, title: 'The distribution has no such suite' },
  E_OSTREE_REF: { exit: EXIT.build, title: 'An OSTree branch does not exist' },
  E_FLATPAK: { exit: EXIT.build, title: 'A Flatpak app cannot be had as configured' },
  E_NETWORK: { exit: EXIT.build, title: 'A mirror or server cannot be reached' },
  E_SIGNATURE: { exit: EXIT.verify, title: 'A signature or checksum does not hold' },
  E_NO_SPACE: { exit: EXIT.build, title: 'A file system is full' },
  E_TOO_LARGE: { exit: EXIT.build, title: 'An image exceeds its size limit' },
  E_STORE: { exit: EXIT.build, title: 'The store cannot be used' },
  E_NO_IMAGE: { exit: EXIT.usage, title: 'There is no built image to use' },
  E_BOOT: { exit: EXIT.test, title: 'The image did not come up' },
  E_PATTERN: { exit: EXIT.usage, title: 'A pattern is wrong' },
  E_KEY: { exit: EXIT.usage, title: 'A key cannot be used' },
  E_COMMAND: { exit: EXIT.build, title: 'A command of a pattern failed' },
  E_UPDATE: { exit: EXIT.build, title: 'A machine cannot be updated' },
  E_INSTALL: { exit: EXIT.build, title: 'A system cannot be installed on a machine' },
  E_RELEASE: { exit: EXIT.build, title: 'A build is not released' },
  E_TARGET: { exit: EXIT.usage, title: 'The place to publish to cannot be used' },
  E_AGENT: { exit: EXIT.usage, title: "The agent's configuration is wrong" },
  E_COMPOSE: { exit: EXIT.usage, title: 'A composition is wrong' },
  E_IMAGE: { exit: EXIT.build, title: 'An OCI image cannot be used' },
  E_DRIFT: { exit: EXIT.usage, title: 'A reference is not what the lock file records' },
  E_PKG: { exit: EXIT.usage, title: 'A package directory cannot be used' },
  E_AUDIT: { exit: EXIT.build, title: 'The record of a build cannot be written' },
  E_LIVE: { exit: EXIT.build, title: 'An image cannot be updated live' },
  E_TEST: { exit: EXIT.test, title: 'A test of the image failed' },
} as const satisfies Record<string, { exit: number; title: string }>;

export type ErrorCode = keyof typeof CODES;

export interface Where {
  file: string;
  line?: number;
}

export interface ErrorDetails {
  /** What the user can do about it. */
  hint?: string | undefined;
  where?: Where | undefined;
  /** What of a step's configuration it is about; `Step.origins` knows where that is written. */
  about?: string | undefined;
  cause?: unknown;
  /** Last lines of the failing program. */
  tail?: string[] | undefined;
  /** The step that failed. */
  step?: string | undefined;
  /** Exit code of the failing program. */
  exitCode?: number | undefined;
  /** Path of the full log. */
  log?: string | undefined;
  /** Further errors of the same run, such as the other faults of a configuration. */
  also?: OsmithError[] | undefined;
}

/** The one error type that reaches users. `message` says what is wrong, `hint` what to do. */
export class OsmithError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'OsmithError';
    this.code = code;
    this.details = details;
  }

  get exitCode(): number {
    return CODES[this.code].exit;
  }
}

/** Any thrown value as an OsmithError; what is not one is a fault of ours. */
export function toOsmithError(error: unknown): OsmithError {
  if (error instanceof OsmithError) return error;
  if (isSystemError(error) && (error.code === 'ENOSPC' || error.code === 'EDQUOT')) return noSpace(error);
  const message = error instanceof Error ? error.message : String(error);
  return new OsmithError('E_INTERNAL', message, {
    cause: error,
    hint: 'Run again with --debug and report the output',
  });
}

function noSpace(error: NodeJS.ErrnoException): OsmithError {
  const place = error.path === undefined ? '' : ` while writing ${error.path}`;
  return new OsmithError('E_NO_SPACE', `No space left on the device${place}`, {
    cause: error,
    hint: 'Free some space, run `osmith gc`, or set OSMITH_STORE to a larger file system',
  });
}

export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).code === 'string';
}
