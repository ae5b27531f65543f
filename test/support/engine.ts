/** A store of its own for a test, and programs run in the engine's real sandbox. */
import { mkdtempSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { makeContext } from '../../src/run/context.ts';
import { openLog } from '../../src/run/log.ts';
import { startSandbox, type SandboxSpec } from '../../src/run/sandbox.ts';
import { removeTree } from '../../src/run/scratch.ts';
import { openStore, type Store } from '../../src/run/store.ts';
import type { StepContext } from '../../src/steps/types.ts';

export interface TestStore {
  store: Store;
  /** A scratch directory in the store. */
  scratch: string;
  [Symbol.asyncDispose]: () => Promise<void>;
}

export async function testStore(): Promise<TestStore> {
  // A comma and a blank: the store may be anywhere.
  const dir = mkdtempSync(join(tmpdir(), 'osmith-test, '));
  const store = await openStore(join(dir, 'store'));
  const scratch = join(store.dir, 'tmp', 'test');
  await mkdir(scratch);
  return {
    store,
    scratch,
    [Symbol.asyncDispose]: async () => {
      await removeTree(dir);
    },
  };
}

/** The context of a step without inputs but test/support, to use what real steps use. */
export async function stepScene(
  { store, scratch }: TestStore,
  epoch: number,
  signal = new AbortController().signal,
): Promise<StepContext<unknown>> {
  const dir = mkdtempSync(join(scratch, 'step-'));
  const inputs = { support: { source: 'test/support', digest: '' } };
  const step = { id: 'test', kind: 'hook', stage: 'test', params: {}, inputs };
  const log = openLog(join(dir, 'log'), step.id, () => {});
  const workspace = join(import.meta.dirname, '../..');
  return makeContext(
    { store, scratch, workspace, results: new Map(), signal },
    { step, key: '0'.repeat(64), epoch, dir, log, secrets: [] },
    {},
  );
}

export interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a program in a sandbox with the host's programs, unless `spec` says otherwise. */
export async function inSandbox(
  { store, scratch }: Pick<TestStore, 'store' | 'scratch'>,
  argv: string[],
  { stdin, ...spec }: Partial<SandboxSpec> & { stdin?: string | Readable } = {},
): Promise<Outcome> {
  const { child, exit } = await startSandbox(
    { store: store.dir, root: 'host', argv, stdio: ['pipe', 'pipe', 'pipe'], ...spec },
    scratch,
  );
  const fed =
    stdin === undefined || typeof stdin === 'string'
      ? child.stdin!.end(stdin ?? '')
      : pipeline(stdin, child.stdin!);
  const [code, stdout, stderr] = await Promise.all([exit, text(child.stdout!), text(child.stderr!), fed]);
  return { code, stdout, stderr };
}
