/** What is measured, one function per row. */
import { appendFileSync, cpSync, createWriteStream, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { SECTOR } from '../src/disk/layout.ts';
import { mksquashfsArgv, type SquashfsCompression } from '../src/disk/mksquashfs.ts';
import { flatten } from '../src/run/layer/flatten.ts';
import { indexTar } from '../src/run/layer/index.ts';
import { tarStream } from '../src/run/layer/stream.ts';
import { keyParts, stepKey } from '../src/run/key.ts';
import { startSandbox } from '../src/run/sandbox.ts';
import { blobPath, lookup, type Result } from '../src/run/store.ts';
import { stepCode } from '../src/steps/registry.ts';
import { measure, parseTimes, type Sample } from './measure.ts';
import { resetStore, type Bench } from './prepare.ts';

const OSMITH = join(import.meta.dirname, '..', 'osmith');

function logFile({ dir }: Bench, name: string): string {
  return join(dir, 'logs', `${name}.log`);
}

/** Plain mmdebstrap with all packages at once, out of a local repository. */
export async function mmdebstrap(bench: Bench): Promise<Sample> {
  const { config, repo, dir } = bench;
  const packages = [...config.list('bootstrap', 'packages'), ...config.list('refine', 'packages')];
  const out = join(dir, 'mmdebstrap.tar');
  rmSync(out, { force: true });
  const options = ['--variant=minbase', '--format=tar', `--architectures=${config.attributes['arch']!}`];
  const sources = `deb [trusted=yes] copy:${repo} ./`;
  return measure({
    argv: ['mmdebstrap', ...options, `--include=${packages.join(',')}`, '', out, sources],
    // As in Osmith: no initramfs is made, it would be thrown away.
    env: { INITRD: 'No', SOURCE_DATE_EPOCH: '1700000000', TMPDIR: dir },
    log: logFile(bench, 'mmdebstrap'),
  });
}

async function build(bench: Bench, name: string): Promise<Sample> {
  const { dir, store, workspace, config } = bench;
  const argv = [OSMITH, '-C', workspace, 'build', config.attributes['branch']!, '--out', join(dir, 'out')];
  return measure({ argv, env: { OSMITH_STORE: store.dir }, log: logFile(bench, name) });
}

/** Tools and packages are there, nothing else. */
export async function firstBuild(bench: Bench): Promise<Sample> {
  resetStore(bench);
  return build(bench, 'first');
}

export async function noChange(bench: Bench): Promise<Sample> {
  return build(bench, 'no-change');
}

/** Makes a hook do something else, in a way that the packed image shows. */
export async function changedHook(bench: Bench, which: 'first' | 'last', round: number): Promise<Sample> {
  const hook = bench.config
    .list('refine', 'hooks')
    .sort()
    .at(which === 'first' ? 0 : -1)!;
  const root = hook.endsWith('.chroot') ? '' : '$OSMITH_TREE';
  const file = join(bench.workspace, 'hooks/refine', hook);
  appendFileSync(file, `\necho ${round} > "${root}/etc/bench-${which}"\n`);
  return build(bench, `hook-${which}`);
}

/** Undoes what `changedHook` did, for the next round to start from the same. */
export function restoreHooks({ workspace, dir }: Bench): void {
  const saved = join(dir, 'hooks');
  if (existsSync(saved)) cpSync(saved, join(workspace, 'hooks'), { recursive: true });
  else cpSync(join(workspace, 'hooks'), saved, { recursive: true });
}

/** Results of all steps of the last build, by step id. */
async function builtResults({ plan, store }: Bench): Promise<Map<string, Result>> {
  const results = new Map<string, Result>();
  for (const step of plan.steps) {
    const found = await lookup(store, stepKey(keyParts(step, stepCode(step), results, plan.epoch)!));
    if ('missing' in found) throw new Error(`${step.id} has no result`);
    results.set(step.id, found.result);
  }
  return results;
}

/** The finished tree as a tar, and the files that go on the disk; after a first build. */
export async function collectInputs(bench: Bench): Promise<void> {
  const results = await builtResults(bench);
  const to = join(bench.dir, 'tools');
  if (existsSync(to)) return;
  mkdirSync(to, { recursive: true });
  const last = `refine/${bench.config.list('refine', 'hooks').sort().at(-1)!}`;
  const { layers } = results.get(last)!.trees['tree']!;
  const files = layers.map(({ digest }) => blobPath(bench.store, digest));
  const parts = flatten(
    files.map((file) => ({ file, entries: indexTar(file) })),
    results.get(last)!.epoch,
  );
  await pipeline(tarStream(parts), createWriteStream(join(to, 'root.tar')));
  const kernel = results.get('package/boot-files')!.files['vmlinuz']!;
  cpSync(blobPath(bench.store, kernel.digest), join(to, 'vmlinuz'));
}

/** The programs that pack a file system, an initrd, a disk and a network boot archive, one after the other. */
const TOOLS = `set -e
TIMEFORMAT='%R %U %S'
rm -f root.squashfs initrd disk.raw pxe.tar
pack() {
  "$@" < root.tar
  echo root.squashfs | cpio -o -H newc --quiet > initrd
  size=$(( ($(stat -c %s initrd) + $(stat -c %s vmlinuz)) / 1048576 + 48 ))
  truncate -s $((size + 2))M disk.raw
  printf 'label: gpt\\nstart=2048, size=%sM, type=U\\n' $size | sfdisk --quiet --no-reread --no-tell-kernel disk.raw
  mkfs.vfat -F 32 -s 1 --offset 2048 disk.raw $((size * 1024))
  mcopy -i disk.raw@@$((2048 * ${SECTOR})) vmlinuz initrd ::
  tar -cf pxe.tar vmlinuz initrd
}
time pack "$@"
`;

/** As Osmith runs them: the same options, in the same tools tree. */
export async function fileSystemTools(bench: Bench): Promise<Sample> {
  const { config, store, dir, given } = bench;
  const level = config.int('image', 'compression_level');
  const compression = config.get('image', 'compression') as SquashfsCompression;
  const layers = given.get('init/tree')!.trees['tree']!.layers;
  const sandbox = await startSandbox(
    {
      store: store.dir,
      root: layers.map(({ digest }) => `trees/${digest.slice(0, 24)}`),
      argv: ['bash', '-c', TOOLS, 'bash', ...mksquashfsArgv('root.squashfs', compression, level)],
      binds: [{ from: join(dir, 'tools'), to: '/work', writable: true }],
      cwd: '/work',
      stdio: ['ignore', 'ignore', 'pipe'],
    },
    dir,
  );
  const [printed, code] = await Promise.all([text(sandbox.child.stderr!), sandbox.exit]);
  if (code !== 0) throw new Error(`the file system tools failed:\n${printed}`);
  return parseTimes(printed.trim().split('\n').at(-1)!);
}
