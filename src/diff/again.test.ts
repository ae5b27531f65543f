/** Two stores with the same steps: what is taken over, what is made anew, and how a difference is told. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { layerTar } from '../oci/testing.ts';
import type { Plan } from '../plan/types.ts';
import type { Event } from '../report/events.ts';
import { runPlan } from '../run/scheduler.ts';
import { addBlob, openStore, saveResult, type Result, type Store } from '../run/store.ts';
import { againReport, type OneBuild } from './again.ts';
import { textReport } from './report.ts';
import { unstableSteps } from './steps.ts';

let dir: string;
let first: Store;
let second: Store;

const { signal } = new AbortController();
const config = { kind: 'config', stage: 'x', inputs: {}, params: { lines: ['a'] } };
const plan: Plan = {
  ...{ name: 'p', epoch: 1, artifacts: [] },
  steps: [
    { ...config, id: 'x/fetched', network: true },
    { ...config, id: 'x/made' },
  ],
};

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'osmith-again-'));
  first = await openStore(join(dir, 'first'));
  second = await openStore(join(dir, 'second'));
});
afterEach(() => rmSync(dir, { recursive: true }));

async function run(store: Store, recorded?: Store): Promise<{ started: string[]; made: Result }> {
  const events: Event[] = [];
  const emit = (event: Event) => void events.push(event);
  const results = await runPlan(plan, {
    ...{ store, workspace: dir, emit, signal },
    ...(recorded && { recorded }),
  });
  const started = events.flatMap((event) => (event.type === 'step-start' ? [event.step] : []));
  return { started: started.sort(), made: results.get('x/made')! };
}

async function remake(store: Store, made: Result, content: Buffer): Promise<void> {
  const file = join(dir, 'file');
  writeFileSync(file, content);
  await saveResult(store, { ...made, files: { config: await addBlob(store, file) } });
}

function build(name: string, content: Buffer | string): OneBuild {
  mkdirSync(join(dir, name));
  const path = join(dir, name, 'system.tar');
  writeFileSync(path, content);
  const facts = { manifest: `{"name":"x","inputs":{"n":"${name}"}}`, config: undefined };
  return { facts, files: new Map([['system.tar', { size: content.length, sha256: name, path }]]) };
}

const context = {
  tools: () => Promise.reject(new Error('none is needed')),
  scratch: () => Promise.resolve(dir),
};

async function told(a: OneBuild, b: OneBuild): Promise<string> {
  const unstable = await unstableSteps(first, second);
  const inputs = new Map([['x/made', 'parameter p: 1 is now 2']]);
  return textReport(await againReport({ name: 'out', built: a, again: b, unstable, inputs }, context));
}

test('what the network gave is taken over, all else is made; a step that is not stable is named', async () => {
  const { made } = await run(first);
  expect((await run(second, first)).started).toEqual(['x/made']);
  expect(await unstableSteps(first, second)).toEqual([]);
  const tar = (content: string) => layerTar([{ name: 'etc/same' }, { name: 'etc/stamp', content }]);
  await remake(first, made, tar('one'));
  await remake(second, made, tar('two!'));
  const text = await told(build('a', tar('one')), build('b', tar('two!')));
  expect(text).toMatch(/^out cannot be made again: 1 of 1 files differ\n/);
  expect(text).toMatch(/\nManifest:\n! inputs\.n {2}a -> b\n/);
  expect(text).toMatch(
    /\nx_made makes something else of the same inputs:\n! etc\/stamp {2}3 bytes \w+ -> 4 bytes \w+\n$/,
  );
  expect(text).not.toContain('Other inputs');
});

test('where no step is to blame, it is told what went in, and what is in the files', async () => {
  await run(first);
  expect((await run(second)).started).toEqual(['x/fetched', 'x/made']);
  const text = await told(build('a', 'one\ntwo\n'), build('b', 'one\n2\n'));
  expect(text).toMatch(/\nOther inputs:\n! x\/made {2}parameter p: 1 is now 2\n/);
  expect(text).toMatch(/\nsystem\.tar:\n! line 2 {2}two -> 2\n$/);
  const binary = await told(build('c', '\0a'), build('d', '\0b'));
  expect(binary).toMatch(/\nsystem\.tar:\n! system\.tar {2}2 bytes \w+ -> 2 bytes \w+\n$/);
});

test('the same bits are the whole answer', async () => {
  const one = build('a', 'x');
  expect(await told(one, one)).toBe('out was made again: 1 file, the same bits\n');
});
