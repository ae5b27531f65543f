/** Locks and scratch directories between real processes. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { testStore } from '../../test/support/engine.ts';
import { cleanStore } from './gc.ts';
import { lockFile } from './lock.ts';
import { cleanStale, openScratch } from './scratch.ts';

/** Another process that runs a program with the engine's modules; its lines come when it prints them. */
function other(program: string, ...args: string[]): { child: ChildProcess; line: Promise<string> } {
  const modules = ['lock', 'scratch', 'store'].map(
    (name) => `import * as ${name} from ${JSON.stringify(join(import.meta.dirname, `${name}.ts`))};`,
  );
  const source = `${modules.join('\n')}\nconst [path] = process.argv.slice(1);\n${program}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', source, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const line = once(child.stdout, 'data').then(([data]) => String(data).trim());
  return { child, line };
}

const FOREVER = 'await new Promise((done) => setTimeout(done, 1e9));';
const HOLD = `await lock.lockFile(path, { wait: true }); console.log('held'); ${FOREVER}`;
const PATIENCE = { timeout: 20_000, interval: 50 };

/** How many have a lock, and how many wait for it. */
function locks(path: string): { held: number; waiting: number } {
  const lines = readFileSync('/proc/locks', 'utf8').split('\n');
  const all = lines.filter((line) => line.includes('FLOCK') && line.includes(`:${statSync(path).ino} `));
  const waiting = all.filter((line) => line.includes('->')).length;
  return { held: all.length - waiting, waiting };
}

test('a lock is released when its holder is killed, and then passes on', async () => {
  await using scene = await testStore();
  const path = join(scene.store.dir, 'locks', 'x');
  const holder = other(HOLD, path);
  expect(await holder.line).toBe('held');
  expect(await lockFile(path, { wait: false })).toBeUndefined();

  let waited = 0;
  const mine = lockFile(path, { wait: true, onWait: () => (waited += 1) });
  await vi.waitFor(() => expect(waited).toBe(1), PATIENCE);
  holder.child.kill('SIGKILL');
  const lock = await mine;
  const second = other(HOLD, path);
  await vi.waitFor(() => expect(locks(path)).toEqual({ held: 1, waiting: 1 }), PATIENCE);
  await lock?.release();
  await lock?.release();
  expect(await second.line).toBe('held');
  second.child.kill('SIGKILL');
  await vi.waitFor(() => expect(locks(path)).toEqual({ held: 0, waiting: 0 }), PATIENCE);
});

test('who waits for a lock can be stopped, also by force', async () => {
  await using scene = await testStore();
  const path = join(scene.store.dir, 'locks', 'x');
  const lock = await lockFile(path, { wait: false });
  const stop = new AbortController();
  const waiting = lockFile(path, {
    wait: true,
    signal: stop.signal,
    onWait: () => setTimeout(() => stop.abort(), 50),
  });
  await expect(waiting).rejects.toThrow(/abort/);

  const killed = other(HOLD, path);
  await vi.waitFor(() => expect(locks(path)).toEqual({ held: 1, waiting: 1 }), PATIENCE);
  killed.child.kill('SIGKILL');
  await vi.waitFor(() => expect(locks(path)).toEqual({ held: 1, waiting: 0 }), PATIENCE);
  await lock?.release();
});

test('a lock that cannot be taken is an error, not a lock', async () => {
  await using scene = await testStore();
  const path = join(scene.store.dir, 'nosuch', 'x');
  for (const wait of [true, false]) {
    await expect(lockFile(path, { wait })).rejects.toMatchObject({ code: 'E_STORE' });
  }
});

test('scratch of the living stays, of the dead goes; nobody cleans a store in use', async () => {
  await using scene = await testStore();
  const { store } = scene;
  const program = `const { dir } = await scratch.openScratch(await store.openStore(path)); console.log(dir); ${FOREVER}`;
  const [dead, alive] = [other(program, store.dir), other(program, store.dir)];
  const [deadDir, aliveDir] = [await dead.line, await alive.line];
  mkdirSync(join(deadDir, 'work', 'deep'), { recursive: true });
  chmodSync(join(deadDir, 'work'), 0o500); // as trees have it
  dead.child.kill('SIGKILL');
  await vi.waitFor(async () => {
    await cleanStale(store);
    expect(existsSync(deadDir)).toBe(false);
  }, PATIENCE);
  expect(existsSync(aliveDir)).toBe(true);
  const all = { days: 0, verify: false, dryRun: false };
  await expect(cleanStore(store, all)).rejects.toMatchObject({ code: 'E_LOCK' });
  const mine = await openScratch(store);
  await mine.release();
  expect(existsSync(mine.dir)).toBe(false);
  alive.child.kill('SIGKILL');
  await vi.waitFor(() => cleanStore(store, all), PATIENCE);
  expect(readdirSync(join(store.dir, 'tmp'))).toEqual([]);
});
