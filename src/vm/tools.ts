/** Where QEMU and mtools come from: the one interface between virtual machines and the engine's sandbox. */
import type { ChildProcess, StdioOptions } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { OsmithError } from '../errors.ts';

export interface ToolOptions {
  /** Host files and directories that the program sees under their own names. */
  read?: string[];
  write?: string[];
  env?: Record<string, string>;
  /** Shares the host's network. */
  network?: boolean;
  /** Gives access to /dev/kvm. */
  kvm?: boolean;
  /** A directory with a system that becomes the program's root, and that it may change. */
  inside?: string;
  /** Architecture of the programs there. */
  arch?: string;
  stdio?: StdioOptions;
}

export interface ToolProcess {
  child: ChildProcess;
  /** Exit code; 128 + number for a signal. */
  exit: Promise<number>;
  /** Ends the program and everything it started, at once. */
  kill: () => void;
}

/** Starts programs of the tools tree. They end when this process does, however that happens. */
export interface Tools {
  start(argv: readonly string[], options?: ToolOptions): Promise<ToolProcess>;
}

/** Runs a program to its end; its output. Fails with what the program said. */
export async function runTool(
  tools: Tools,
  argv: readonly string[],
  options: ToolOptions = {},
): Promise<string> {
  const { child, exit } = await tools.start(argv, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr, code] = await Promise.all([text(child.stdout!), text(child.stderr!), exit]);
  if (code !== 0) {
    throw new OsmithError('E_TOOL', `${argv[0]} failed with exit code ${code}`, {
      tail: stderr.trimEnd().split('\n').slice(-10),
    });
  }
  return stdout;
}
