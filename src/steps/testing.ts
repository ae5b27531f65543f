/** For tests: runs one step in the engine with the host's tools, its inputs made on the spot. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scratch } from '../disk/testing.ts';
import type { Json, Step, StepInput } from '../plan/types.ts';
import { executeStep } from '../run/execute.ts';
import { encodeHeader, FILE, padded, type Entry } from '../run/layer/entry.ts';
import { openScratch } from '../run/scratch.ts';
import { addBlob, blobPath, openStore, type Result, type Store } from '../run/store.ts';

export const EPOCH = 1_700_000_000;

/** An entry of a made-up tree; what is not said is that of a plain file of root's. */
export type TestEntry = Partial<Entry> & { path: string; content?: string | Buffer };

/** A layer tar. */
export function treeOf(entries: readonly TestEntry[]): { tree: Buffer } {
  const parts = entries.flatMap(({ content = '', ...given }) => {
    const data = Buffer.from(content as string);
    const plain = {
      type: FILE,
      mode: 0o644,
      uid: 0,
      gid: 0,
      mtime: EPOCH,
      link: '',
      major: 0,
      minor: 0,
    } as const;
    const entry = { ...plain, size: data.length, xattrs: new Map<string, Buffer>(), ...given };
    return [encodeHeader(entry), data, Buffer.alloc(padded(data.length) - data.length)];
  });
  return { tree: Buffer.concat([...parts, Buffer.alloc(1024)]) };
}

export interface StepRun {
  /** Host paths of the output files. */
  files: Record<string, string>;
  facts: Record<string, Json>;
  result: Result;
  store: Store;
}

export interface StepOptions {
  /** The step's key: equal ones must give equal outputs. */
  seed?: string;
  /** Absent: a new one. */
  store?: Store;
  network?: boolean;
}

/** A tree, a file, or an output of a step that ran in the same store. */
export type TestInput = { tree: Buffer } | Buffer | { result: Result; output: string };

export async function runStep(
  kind: string,
  params: Step['params'],
  inputs: Record<string, TestInput>,
  options: StepOptions = {},
): Promise<StepRun> {
  const { seed = '0'.repeat(64), network = false } = options;
  const dir = scratch();
  const store = options.store ?? (await openStore(join(dir, 'store')));
  mkdirSync(join(dir, 'new'));
  const results = new Map<string, Result>();
  const links: Record<string, StepInput> = {};
  for (const [name, input] of Object.entries(inputs)) {
    links[name] = { step: name, output: 'output' in input ? input.output : 'out' };
    if ('result' in input) {
      results.set(name, input.result);
      continue;
    }
    const file = join(dir, 'new', name.replaceAll('/', '-'));
    const data = Buffer.isBuffer(input) ? input : input.tree;
    writeFileSync(file, data);
    const blob = await addBlob(store, file, createHash('sha256').update(data).digest('hex'));
    const made: Result = { key: name, files: {}, sets: {}, trees: {}, facts: {}, epoch: EPOCH, ms: 0 };
    if (Buffer.isBuffer(input)) made.files['out'] = blob;
    else made.trees['out'] = { layers: [blob] };
    results.set(name, made);
  }
  const step: Step = { id: kind, kind, stage: 'test', params, inputs: links, network };
  const parts = { kind, code: '', params, inputs: {}, tools: 'host', network, epoch: EPOCH };
  const opened = await openScratch(store);
  const signal = new AbortController().signal;
  try {
    const environment = { store, scratch: opened.dir, workspace: dir, results, signal };
    const plan = { name: 'test', steps: [step], artifacts: [] };
    const { result } = await executeStep(environment, {
      ...{ plan, step, key: seed, parts, emit: () => {}, again: true },
    });
    const files = Object.entries(result.files).map(([name, { digest }]) => [name, blobPath(store, digest)]);
    const paths = Object.fromEntries(files) as Record<string, string>;
    return { files: paths, facts: result.facts, result, store };
  } finally {
    await opened.release();
  }
}

/** Whether two runs gave the same bits. */
export function sameFiles(one: StepRun, two: StepRun): boolean {
  return Object.keys({ ...one.files, ...two.files }).every((name) =>
    readFileSync(one.files[name]!).equals(readFileSync(two.files[name]!)),
  );
}
