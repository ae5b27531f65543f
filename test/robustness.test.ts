/** Builds that are cut off, disturbed or starved: the next one goes on as if nothing had been, and the last output stays. */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { LONG } from './support/long.ts';
import { jsonLines } from './support/osmith.ts';
import { mountsWith, processesWith } from './support/processes.ts';
import {
  contents,
  forgetAllBut,
  lastResult,
  ran,
  smallWorkspace,
  warm,
  type BuildEvent,
  type Small,
} from './support/small.ts';

let small: Small;
/** What an undisturbed build made. */
let good: Record<string, string>;

beforeAll(async () => {
  small = smallWorkspace();
  await warm(small);
  const built = await small.run(['build']);
  expect(built.exitCode, built.all).toBe(0);
  good = await contents(small.out);
});

beforeEach(() => small.resetHooks());
afterEach(() => small.killAll());
afterAll(() => small.remove());

/** Nothing of a build is left: no process, no mount, no scratch, no half output. */
async function expectNothingLeft(): Promise<void> {
  const left = () => [processesWith(small.dir), mountsWith(small.dir)];
  await vi.waitFor(() => expect(left()).toEqual([[], []]), { timeout: 60_000, interval: 50 });
}

/** What the next build must find and leave. */
async function expectSameOutput(args: string[] = []): Promise<string[]> {
  const running = small.start(args);
  expect(await running.exit).toMatchObject({ code: 0 });
  expect(await contents(small.out)).toEqual(good);
  expect(readdirSync(join(small.store, 'tmp'))).toEqual([]);
  expect(readdirSync(small.dir).filter((name) => name.startsWith('out.'))).toEqual([]);
  await expectNothingLeft();
  return ran(running.events);
}

const at =
  (type: string, step: string, text = '') =>
  (event: BuildEvent) =>
    event.type === type && event.step === step && (event.text ?? event.line ?? '').includes(text);

interface Moment {
  name: string;
  when: (event: BuildEvent) => boolean;
  /** How long after it to strike, milliseconds. */
  wait: number;
  /** The stages before it, which need not be made again. */
  kept: string[];
}

const [early, middle, late] = [['init'], ['init', 'bootstrap'], ['init', 'bootstrap', 'refine']] as const;
const moment = (name: string, when: Moment['when'], wait: number, kept: readonly string[]): Moment => ({
  ...{ name, when, wait, kept: [...kept] },
});

const RESOLVING = moment('packages are looked for', at('step-start', 'bootstrap/resolve'), 1500, early);
const BASE = moment('the base system is made', at('step-start', 'bootstrap/tree'), 3000, early);
const STORING = moment(
  'the base system is stored',
  at('step-progress', 'bootstrap/tree', 'storing'),
  300,
  early,
);
const ENTERING = moment('a tree is entered', at('step-start', 'refine/packages'), 50, middle);
const INSTALLING = moment('packages are installed', at('step-start', 'refine/packages'), 1500, middle);
const HOOK = moment('a hook runs', at('step-start', 'refine/20-first'), 100, middle);
const TAKING = moment('artifacts are taken out', at('step-start', 'package/boot-files'), 100, late);
const PLACING = moment('the output is placed', ({ type }) => type === 'run-end', 5, late);

/** Starts builds until one is struck at that moment, for the speed of machines differs; undefined: always too late. */
async function strike({ when, wait: most, kept }: Moment, signal: NodeJS.Signals) {
  for (let wait = most; wait > 1; wait /= 2) {
    forgetAllBut(small.store, kept);
    const running = small.start([]);
    await running.until(when);
    await sleep(wait * (0.5 + Math.random()));
    running.child.kill(signal);
    const ended = await running.exit;
    if (ended.code !== 0) return ended;
  }
  return undefined;
}

test('killed at any moment, the next build goes on; the result is the same', async () => {
  rmSync(small.out, { recursive: true });
  const moments = [RESOLVING, BASE, STORING, ENTERING, INSTALLING, HOOK, TAKING];
  for (const each of LONG ? moments : [STORING, INSTALLING, TAKING]) {
    expect([each.name, (await strike(each, 'SIGKILL'))?.code]).toEqual([each.name, 'SIGKILL']);
    await expectNothingLeft();
  }
  // So near the end it may be too late.
  await strike(PLACING, 'SIGKILL');
  await expectNothingLeft();
  await expectSameOutput();
});

test('stopped by ^C, it ends within seconds and leaves nothing; the last output stays', async () => {
  const before = statSync(small.out).ino;
  for (const each of LONG ? [BASE, INSTALLING] : [INSTALLING]) {
    const { code, stderr } = (await strike(each, 'SIGINT'))!;
    expect([each.name, code, (JSON.parse(stderr) as { error: object }).error]).toEqual([
      each.name,
      1,
      expect.objectContaining({ code: 'E_INTERRUPTED' }),
    ]);
    expect(processesWith(small.dir)).toEqual([]);
    expect(readdirSync(join(small.store, 'tmp'))).toEqual([]);
  }
  expect([statSync(small.out).ino, await contents(small.out)]).toEqual([before, good]);
  await expectSameOutput();
});

test('a hook that does not want to end is ended', async () => {
  small.hook('20-first', 'trap "" INT TERM HUP\necho deaf\nsetsid sleep 604 &\nsleep 604; sleep 604\n');
  const running = small.start([]);
  await running.until(at('step-log', 'refine/20-first', 'deaf'));
  await vi.waitFor(() => expect(processesWith('sleep\x00604').length).toBe(2), { timeout: 60_000 });
  running.child.kill('SIGTERM');
  expect(await running.exit).toMatchObject({ code: 1 });
  expect(processesWith('sleep\x00604')).toEqual([]);
  expect(await contents(small.out)).toEqual(good);
});

test('two builds at once share the work', async () => {
  small.hook('20-first', 'sleep 1; write_file etc/first <<< both\n');
  const outs = [join(small.dir, 'one'), join(small.dir, 'two')];
  // Of the same variant there would be only one at a time.
  const builds = outs.map((out, index) => small.start(['--out', out, '--personality', `p${index}`]));
  const ends = await Promise.all(builds.map(({ exit }) => exit));
  expect(ends).toEqual([expect.objectContaining({ code: 0 }), expect.objectContaining({ code: 0 })]);
  const ofEach = ['manifest/manifest', 'manifest/config'];
  const steps = builds.flatMap(({ events }) => ran(events)).filter((step) => !ofEach.includes(step));
  expect(steps.sort()).toEqual([...new Set(steps)]);
  expect(steps).toEqual(expect.arrayContaining(['refine/20-first', 'refine/30-second.chroot']));
  const shared = async (out: string) =>
    Object.entries(await contents(out)).filter(([name]) => !/^manifest\.json$|\.config\.ini$/.test(name));
  const [one, two] = await Promise.all(outs.map(shared));
  expect(one!.length).toBeGreaterThan(0);
  expect(one).toEqual(two);
});

test('an edit runs what depends on it, and plan says why; an edit without effect ends there', async () => {
  expect((await expectSameOutput()).length).toBeLessThan(3); // back to what was
  small.hook('20-first', '# A comment.\nwrite_file etc/first <<< "$OSMITH_REFINE_HOSTNAME"\n');
  const planned = await small.run(['plan']);
  expect(planned.stdout).toMatch(/refine\/20-first +run .*hooks\/refine\/20-first changed/);
  expect(planned.stdout).toMatch(
    /refine\/30-second\.chroot +maybe .*if refine\/20-first makes something else/,
  );
  expect(planned.stdout).toMatch(/refine\/packages +cached/);
  const commented = small.start([]);
  await commented.exit;
  expect(ran(commented.events)).toEqual(['refine/20-first', 'manifest/manifest']);

  const renamed = small.start(['--set', 'refine.hostname=other']);
  expect(await renamed.exit).toMatchObject({ code: 0 });
  expect(ran(renamed.events)).toEqual(
    expect.arrayContaining(['refine/20-first', 'refine/30-second.chroot', 'manifest/packages']),
  );
  expect(ran(renamed.events)).not.toContain('refine/10-boot');
  const explained = await small.run(['plan', '--json', '--set', 'refine.hostname=third']);
  expect(explained.stdout).toContain('parameter env.OSMITH_REFINE_HOSTNAME: \\"other\\" is now \\"third\\"');
});

function layerOf(step: string): string {
  return lastResult(small.store, step).result.trees['tree']!.layers.at(-1)!.digest;
}

test('what is damaged in the store is found and made again', async () => {
  await expectSameOutput();
  const blob = (digest: string) => join(small.store, 'blobs/sha256', digest.slice(0, 2), digest);

  const layer = layerOf('refine/20-first');
  const content = readFileSync(blob(layer));
  content[600]! ^= 1;
  chmodSync(blob(layer), 0o644);
  writeFileSync(blob(layer), content);
  truncateSync(lastResult(small.store, 'refine/10-boot').file, 100);
  expect((await small.run(['plan'])).stdout).toMatch(/refine\/10-boot +run .*damaged/);
  expect(await expectSameOutput()).toEqual(expect.arrayContaining(['refine/10-boot', 'refine/20-first']));

  // The unpacked form of a layer that the next hook stands on.
  const tree = join(small.store, 'trees', layerOf('refine/20-first').slice(0, 24));
  writeFileSync(join(tree, 'etc/first'), 'altered');
  rmSync(join(small.store, 'trees', layerOf('refine/10-boot').slice(0, 24), 'boot/vmlinuz-1'));
  rmSync(lastResult(small.store, 'refine/30-second.chroot').file);
  expect(await expectSameOutput()).toContain('refine/30-second.chroot');
  expect(readFileSync(join(tree, 'etc/first'), 'utf8')).toBe('osmith\n');
});

test('what a killed build left of the output directory is put right', async () => {
  renameSync(small.out, `${small.out}.old-1-a`);
  mkdirSync(`${small.out}.new-1-b`);
  await expectSameOutput();
});

test('events tell each step once', async () => {
  const built = await small.run(['build', '--json']);
  const steps = jsonLines(built).filter(({ type }) => String(type).startsWith('step-'));
  expect(steps.every(({ type }) => type === 'step-cached')).toBe(true);
  expect(new Set(steps.map(({ step }) => step)).size).toBe(steps.length);
});
