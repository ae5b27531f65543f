/** Gives a running step its inputs, its sandbox and its way to make outputs. */
import { chmod, link, mkdir, open, rm } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { OsmithError } from '../errors.ts';
import { credentialEnv, credentialFiles, CREDENTIALS_DIR } from './credentials.ts';
import { isStepInput, type Json, type Step } from '../plan/types.ts';
import type { Blob, ExecOptions, ExecResult, StepContext, Tree } from '../steps/types.ts';
import type { Results } from './key.ts';
import { captureArguments, writeLayer } from './layer/commit.ts';
import { flatten } from './layer/flatten.ts';
import { indexTar, type IndexedEntry } from './layer/index.ts';
import { selectParts } from './layer/select.ts';
import { tarStream } from './layer/stream.ts';
import type { StepLog } from './log.ts';
import { keepFile } from './output.ts';
import { noSpaceLeft, watchSpace } from './space.ts';
import { startSandbox, type Bind, type SandboxSpec, type TreeMount } from './sandbox.ts';
import { blobPath, hasBlob, readResult, resultPath, treeOf, type Result, type Store } from './store.ts';
import { adopt, checkoutAll } from './trees.ts';

export interface Environment {
  store: Store;
  /** The process's scratch directory. */
  scratch: string;
  workspace: string;
  results: Results;
  /** Directory of the user's credentials. */
  credentials?: string;
  signal: AbortSignal;
}

export interface Job {
  step: Step;
  key: string;
  epoch: number;
  /** The step's own directory in scratch. */
  dir: string;
  log: StepLog;
  /** Texts of its credentials, which nothing that it makes may hold. */
  secrets: readonly string[];
  /** The key of the step's last result in a build of the variant. */
  lastKey?: string | undefined;
  /** The last sandbox it had, for a look after a failure. */
  sandbox?: SandboxSpec;
}

/** Where the content of an overlay's upper directory goes, in the work directory. */
const UPPER_TAR = '.upper.tar';

/** Text that programs print when a file system is full. */
const FULL = /No space left on device|ENOSPC|Disk quota exceeded/;

/** Where credentials are, seen from inside a tree. */
const INSIDE_TREE = '/run/osmith/credentials';

const indexes = new Map<string, IndexedEntry[]>();

function layerIndex(file: string): IndexedEntry[] {
  let entries = indexes.get(file);
  if (entries === undefined) indexes.set(file, (entries = indexTar(file)));
  return entries;
}

function resultOf(environment: Environment, step: Step, input: string): { result: Result; output: string } {
  const source = step.inputs[input];
  if (source === undefined || !isStepInput(source)) {
    throw new OsmithError('E_INTERNAL', `${step.id} has no step input ${input}`);
  }
  const result = environment.results.get(source.step);
  if (result === undefined) throw new OsmithError('E_INTERNAL', `${source.step} has no result`);
  return { result, output: source.output };
}

/** Host paths of a step's inputs; sets become directories of hard links. */
async function materialise(environment: Environment, job: Job): Promise<Map<string, string>> {
  const paths = new Map<string, string>();
  for (const [name, input] of Object.entries(job.step.inputs)) {
    if (!isStepInput(input)) {
      paths.set(name, resolve(environment.workspace, input.source));
      continue;
    }
    const { result, output } = resultOf(environment, job.step, name);
    const file = result.files[output];
    const set = result.sets[output];
    if (file !== undefined) paths.set(name, blobPath(environment.store, file.digest));
    if (set !== undefined) {
      const dir = join(job.dir, 'in', name);
      await mkdir(dir, { recursive: true });
      for (const [entry, blob] of Object.entries(set)) {
        await link(blobPath(environment.store, blob.digest), join(dir, entry));
      }
      paths.set(name, dir);
    }
  }
  return paths;
}

/** The layers of a step's tools tree, unpacked; or the host. */
async function toolsRoot(environment: Environment, step: Step): Promise<'host' | string[]> {
  if (step.tools === undefined) return 'host';
  const layers = environment.results.get(step.tools)!.trees['tree']!.layers;
  const { store, scratch, signal } = environment;
  const digests = layers.map((layer) => layer.digest);
  return checkoutAll(store, scratch, digests, signal);
}

export async function makeContext<P>(environment: Environment, job: Job, params: P): Promise<StepContext<P>> {
  const { store, scratch, signal } = environment;
  const { step, log } = job;
  const work = join(job.dir, 'work');
  await mkdir(work, { recursive: true });
  const paths = await materialise(environment, job);
  const uppers = new Map<string, { tree: Tree; upper: string; work: string }>();
  let writableTrees = 0;

  async function mountTree(at: string, tree: Tree, writable: boolean): Promise<TreeMount> {
    const lowers = await checkoutAll(store, scratch, tree.layers, signal);
    if (!writable) return { at, lowers };
    let upper = uppers.get(at);
    if (upper === undefined) {
      const dir = join(job.dir, `tree${(writableTrees += 1)}`);
      upper = { tree, upper: join(dir, 'upper'), work: join(dir, 'work') };
      await mkdir(upper.upper, { recursive: true });
      await chmod(upper.upper, 0o755);
      await mkdir(upper.work, { recursive: true });
      uppers.set(at, upper);
    }
    return { at, lowers, upper: relative(store.dir, upper.upper), work: relative(store.dir, upper.work) };
  }

  async function sandboxSpec(options: ExecOptions): Promise<SandboxSpec> {
    const binds: Bind[] = [{ from: work, to: '/work', writable: true }];
    for (const [name, path] of paths) binds.push({ from: path, to: `/in/${name}` });
    const trees: TreeMount[] = [];
    for (const [at, { tree, writable = false }] of Object.entries(options.trees ?? {})) {
      trees.push(await mountTree(at, tree, writable));
    }
    return {
      store: store.dir,
      root: await toolsRoot(environment, step),
      argv: options.argv,
      env: {
        ...{ SOURCE_DATE_EPOCH: String(job.epoch), TMPDIR: '/tmp' },
        ...credentialEnv(
          step.credentials ?? [],
          options.chroot === undefined ? CREDENTIALS_DIR : INSIDE_TREE,
        ),
        ...options.env,
      },
      cwd: options.cwd ?? (options.chroot === undefined ? '/work' : '/'),
      binds,
      trees,
      network: step.network === true,
      readOnly: options.readOnly === true,
      secrets: credentialFiles(step.credentials ?? []).map((file) => ({
        from: join(environment.credentials!, file),
        to: join(CREDENTIALS_DIR, file),
      })),
      ...(options.chroot === undefined ? {} : { chroot: options.chroot }),
      ...(options.system === undefined ? {} : { system: options.system }),
      ...(options.arch === undefined ? {} : { arch: options.arch }),
    };
  }

  async function exec(options: ExecOptions): Promise<ExecResult> {
    signal.throwIfAborted();
    const spec = await sandboxSpec(options);
    job.sandbox = spec;
    log.line(`+ ${options.argv.join(' ')}`);
    return run(spec, options);
  }

  async function run(
    spec: SandboxSpec,
    { stdin, stdout, okCodes = [0] }: Pick<ExecOptions, 'stdin' | 'stdout' | 'okCodes'>,
  ): Promise<ExecResult> {
    const file = typeof stdout === 'object' ? await open(join(work, stdout.file), 'w') : undefined;
    try {
      const stdio = [stdin === undefined ? 'ignore' : 'pipe', file?.fd ?? 'pipe', 'pipe'] as const;
      const { child, exit, kill } = await startSandbox({ ...spec, stdio: [...stdio], signal }, job.dir);
      const space = watchSpace(job.dir, kill);
      const logged = log.follow(child.stderr!);
      const captured = stdout === 'capture' ? text(child.stdout!) : undefined;
      const followed = captured ?? (file === undefined ? log.follow(child.stdout!) : undefined);
      let fault: Error | undefined;
      // A program that ends early shows as its exit code; the broken pipe would hide it.
      const fed =
        stdin &&
        pipeline(stdin, child.stdin!).catch((error: NodeJS.ErrnoException) => {
          if (error.code === 'EPIPE' || error.code === 'ERR_STREAM_PREMATURE_CLOSE') return;
          fault = error;
          kill();
        });
      const [exitCode] = await Promise.all([exit, logged, followed, fed]).finally(space.stop);
      signal.throwIfAborted();
      if (exitCode !== 0 && space.full())
        throw noSpaceLeft(spec.argv[0]!, { tail: log.tail(), log: log.file });
      if (fault !== undefined) throw fault;
      if (okCodes.includes(exitCode)) return { exitCode, stdout: (await captured) ?? '' };
      throw toolFailure(spec.argv, exitCode, log);
    } finally {
      await file?.close();
    }
  }

  async function addLayer(rawTar: string, keepRoot: boolean): Promise<Blob> {
    const layer = join(job.dir, `layer-${uppers.size}.tar`);
    await writeLayer(rawTar, layer, { epoch: job.epoch, keepRoot });
    return keepFile(store, job, layer, 'what it changed');
  }

  return {
    params,
    epoch: job.epoch,
    seed: job.key,
    store: store.dir,
    work,
    signal,
    inputs: Object.keys(step.inputs),
    tree(input) {
      const { result, output } = resultOf(environment, step, input);
      const tree = treeOf(result, output);
      if (tree === undefined) throw new OsmithError('E_INTERNAL', `${input} of ${step.id} is not a tree`);
      return tree;
    },
    path(input) {
      const path = paths.get(input);
      if (path === undefined) throw new OsmithError('E_INTERNAL', `${step.id} has no file input ${input}`);
      return path;
    },
    blob(input) {
      const { result, output } = resultOf(environment, step, input);
      return result.files[output]!;
    },
    facts(input): Record<string, Json> {
      return resultOf(environment, step, input).result.facts;
    },
    async before() {
      if (job.lastKey === undefined) return {};
      const result = await readResult(resultPath(store, job.lastKey));
      return typeof result === 'object' ? result.facts : {};
    },
    exec,
    flatten(tree, select) {
      const layers = tree.layers.map((digest) => {
        const file = blobPath(store, digest);
        return { file, entries: layerIndex(file) };
      });
      const parts = flatten(layers, job.epoch);
      return tarStream(select === undefined ? parts : selectParts(parts, select));
    },
    async commit(mountPoint) {
      const changes = uppers.get(mountPoint);
      if (changes === undefined) throw new OsmithError('E_INTERNAL', `${mountPoint} is not writable`);
      await run(
        {
          store: store.dir,
          root: await toolsRoot(environment, step),
          argv: captureArguments('/upper', job.epoch),
          binds: [{ from: changes.upper, to: '/upper', writable: true }],
        },
        { stdout: { file: UPPER_TAR } },
      );
      const raw = join(work, UPPER_TAR);
      const layer = await addLayer(raw, false);
      await rm(raw);
      await adopt(store, changes.upper, layer.digest);
      uppers.delete(mountPoint);
      return { layers: [...changes.tree.layers, layer.digest] };
    },
    async importTar(path) {
      return { layers: [(await addLayer(join(work, path), true)).digest] };
    },
    keep: (path) => keepFile(store, job, join(work, path), path),
    has: (digest, size) => hasBlob(store, { digest, size }),
    log: (line) => log.line(line),
    warn: (text) => log.warn(text),
    progress: (text) => log.progress(text),
  };
}

function toolFailure(argv: readonly string[], exitCode: number, log: StepLog): OsmithError {
  const tail = log.tail();
  if (tail.some((line) => FULL.test(line))) return noSpaceLeft(argv[0]!, { tail, log: log.file });
  const killed = exitCode === 137 ? ' (killed; perhaps out of memory)' : '';
  return new OsmithError('E_TOOL', `${argv[0]} failed with exit code ${exitCode}${killed}`, {
    tail,
    log: log.file,
    exitCode,
  });
}
