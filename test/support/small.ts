/** A workspace cut down to what the engine's tests need: builds of seconds, with every kind of stage. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { defaultStoreDir } from '../../src/env.ts';
import { removeTree } from '../../src/run/scratch.ts';
import { openStore, sha256File, type Result } from '../../src/run/store.ts';
import { osmith, REPO, type Finished, type RunOptions } from './osmith.ts';

const HOOKS = {
  // Stands for the packages with kernels and boot loaders, which are large.
  '10-boot': `
for file in boot/vmlinuz-1 usr/lib/shim/{shim,mm}{x64,aa64}.efi.signed \\
  usr/lib/grub/{x86_64,arm64}-efi-signed/grub{,net}{x64,aa64}.efi.signed; do
  write_file "$file" <<< "$file"
done
`,
  '20-first': 'write_file etc/first <<< "$OSMITH_REFINE_HOSTNAME"\n',
  '30-second.chroot': 'cp /etc/first /etc/second\nchown 33:33 /etc/second\n',
};

/** The product's configuration: what the shipped one has is taken away. */
function product(shippedHooks: string[], toolsMode: string): string {
  return `
[tools]
mode = ${toolsMode}
[bootstrap]
packages_del = ca-certificates dbus iproute2 kmod systemd systemd-resolved systemd-sysv udev
[refine]
packages_add = less
packages_del = busybox-static dosfstools libstdc++6 tzdata grub-efi-amd64-signed grub-efi-arm64-signed
    linux-image-amd64 linux-image-arm64 shim-signed
hooks_add = ${Object.keys(HOOKS).join(' ')}
hooks_del = ${shippedHooks.join(' ')}
[image]
formats_del = initrd chunks raw pxe
`;
}

export interface Small {
  dir: string;
  workspace: string;
  store: string;
  /** Where builds go unless they say otherwise. */
  out: string;
  /** `osmith COMMAND -C WORKSPACE ...` with the store of this workspace. */
  run: (args: string[], options?: RunOptions) => Promise<Finished>;
  /** A build that runs, with its events as they come. */
  start: (args: string[]) => Running;
  /** Ends the builds that a failed test may have left, which would keep the next ones waiting. */
  killAll: () => void;
  /** Writes a hook of the workspace; it is executable if it begins with \`#!\`. */
  hook: (name: string, text: string) => void;
  /** Puts the hooks back as they were. */
  resetHooks: () => void;
  remove: () => Promise<void>;
}

export interface BuildEvent {
  type: string;
  step?: string;
  text?: string;
  /** Of a step's log. */
  line?: string;
}

export interface Running {
  child: ChildProcess;
  events: BuildEvent[];
  /** Resolves when such an event comes. Rejects when the build ends before. */
  until: (wanted: (event: BuildEvent) => boolean) => Promise<void>;
  /** Exit code, or the signal's name; standard error. */
  exit: Promise<{ code: number | string; stderr: string }>;
}

function start(args: string[], env: NodeJS.ProcessEnv): Running {
  const child = spawn(join(REPO, 'osmith'), args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const events: BuildEvent[] = [];
  const waiting: { wanted: (event: BuildEvent) => boolean; done: () => void }[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    const event = JSON.parse(line) as BuildEvent;
    events.push(event);
    for (const { wanted, done } of waiting) if (wanted(event)) done();
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (data: string) => (stderr += data));
  const exit = once(child, 'close').then(([code, signal]) => ({
    code: (code ?? signal) as number | string,
    stderr,
  }));
  const until = (wanted: (event: BuildEvent) => boolean) =>
    new Promise<void>((resolve, reject) => {
      waiting.push({ wanted, done: resolve });
      void exit.then(({ code }) => reject(new Error(`the build ended with ${code} before: ${stderr}`)));
    });
  return { child, events, until, exit };
}

export function smallWorkspace({ tools = 'tree' }: { tools?: 'tree' | 'host' } = {}): Small {
  const dir = mkdtempSync(join(tmpdir(), 'osmith-e2e-'));
  const [workspace, store, out] = ['workspace', 'store', 'out'].map((name) => join(dir, name)) as [
    string,
    string,
    string,
  ];
  cpSync(join(REPO, 'workspace'), workspace, { recursive: true });
  rmSync(join(workspace, 'config/local.ini'), { force: true });
  const shipped = readdirSync(join(workspace, 'hooks/refine'));
  writeFileSync(join(workspace, 'config/product/small.ini'), product(shipped, tools));
  const hook = (name: string, text: string) => {
    writeFileSync(join(workspace, 'hooks/refine', name), text);
    chmodSync(join(workspace, 'hooks/refine', name), text.startsWith('#!') ? 0o755 : 0o644);
  };
  const resetHooks = () => {
    for (const [name, text] of Object.entries(HOOKS)) hook(name, text);
  };
  resetHooks();
  const started: ChildProcess[] = [];
  const env = { ...process.env, OSMITH_STORE: store };
  const common = ['-C', workspace, '--product', 'small'];
  const full = ([command, ...args]: string[]) => [
    command!,
    ...common,
    ...(command === 'build' ? ['--out', out] : []),
    ...args,
  ];
  return {
    ...{ dir, workspace, store, out, hook, resetHooks },
    run: (args, options) => osmith(full(args), { ...options, env: { OSMITH_STORE: store, ...options?.env } }),
    start: (args) => {
      const running = start(full(['build', '--json', ...args]), env);
      started.push(running.child);
      return running;
    },
    killAll: () => {
      for (const child of started.splice(0)) child.kill('SIGKILL');
    },
    remove: () => removeTree(dir),
  };
}

/**
 * Puts into the store of a workspace what the first build of each has to make, tools and base system above all: made
 * once in the default store, copied from there.
 */
export async function warm(small: Small): Promise<void> {
  const shared = defaultStoreDir();
  const built = await small.run(['build', '--personality', 'warm', '--out', join(small.dir, 'warm')], {
    env: { OSMITH_STORE: shared },
  });
  if (built.exitCode !== 0) throw new Error(built.all);
  const plan = readdirSync(join(shared, 'last')).find((name) => /^small-.*-warm$/.test(name))!;
  const results = readdirSync(join(shared, 'last', plan)).map((step) => {
    const { key } = JSON.parse(readFileSync(join(shared, 'last', plan, step), 'utf8')) as { key: string };
    return `results/${key}.json`;
  });
  // Each result names its blobs by their digests.
  const blobs = results
    .flatMap((name) => readFileSync(join(shared, name), 'utf8').match(/\b[0-9a-f]{64}\b/g)!)
    .map((digest) => `blobs/sha256/${digest.slice(0, 2)}/${digest}`)
    .filter((name) => existsSync(join(shared, name)));
  await openStore(small.store);
  const copy = ['--archive', '--parents', '--reflink=auto', ...new Set([...results, ...blobs]), small.store];
  await execa('cp', copy, { cwd: shared });
}

/** What is in an output directory: name to digest. */
export async function contents(dir: string): Promise<Record<string, string>> {
  const names = readdirSync(dir).sort();
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await sha256File(join(dir, name))] as const)),
  );
}

/** Which steps ran, by the events of a build. */
export function ran(events: BuildEvent[]): string[] {
  return events.filter(({ type }) => type === 'step-start').map(({ step }) => step!);
}

/** Forgets the results of all steps but those of some stages: as if no more had been built. */
export function forgetAllBut(store: string, stages: string[]): void {
  const last = join(store, 'last');
  const kept = readdirSync(last).flatMap((plan) =>
    readdirSync(join(last, plan))
      .filter((name) => stages.includes(name.split('_')[0]!))
      .map((name) => (JSON.parse(readFileSync(join(last, plan, name), 'utf8')) as { key: string }).key),
  );
  for (const name of readdirSync(join(store, 'results'))) {
    if (!kept.includes(name.replace('.json', ''))) rmSync(join(store, 'results', name));
  }
}

/** The mirror that a build took its packages from. */
export function mirrorOf({ store }: Small): string {
  const { result } = lastResult(store, 'bootstrap/resolve');
  const { digest } = result.files['sources']!;
  const sources = readFileSync(join(store, 'blobs/sha256', digest.slice(0, 2), digest), 'utf8');
  return sources.match(/^deb\s+(?:\[.*?\]\s+)?(\S+)/m)![1]!.replace(/\/$/, '');
}

/** A step's result in the last build, and the file that holds it. `variant`: in a store that has builds of several. */
export function lastResult(store: string, step: string, variant?: string): { file: string; result: Result } {
  const last = join(store, 'last');
  const record = join(last, variant ?? readdirSync(last)[0]!, `${step.replace('/', '_')}.json`);
  const { key } = JSON.parse(readFileSync(record, 'utf8')) as { key: string };
  const file = join(store, 'results', `${key}.json`);
  return { file, ...(JSON.parse(readFileSync(file, 'utf8')) as { result: Result }) };
}
