/** Merging fragments, compared with the rules of the original written once more, in another language. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import type { Json } from '../../plan/types.ts';
import { readFragments } from '../hook/fragments.ts';
import { addFragments } from './merge.ts';

/** The files of a directory, then its directories, each sorted; dictionaries recurse, all else replaces. */
const ORACLE = `
import json, os, sys
def merge(target, source):
    for key, value in source.items():
        if isinstance(target.get(key), dict):
            if not isinstance(value, dict): raise TypeError(key)
            merge(target[key], value)
        else: target[key] = value
def walk(path):
    names = sorted(os.listdir(path), key=os.fsencode)
    for name in names:
        if os.path.isfile(os.path.join(path, name)): yield os.path.join(path, name)
    for name in names:
        if os.path.isdir(os.path.join(path, name)): yield from walk(os.path.join(path, name))
result = {}
try:
    for path in walk(sys.argv[1]):
        with open(path) as file: merge(result, json.load(file))
    print(json.dumps(result))
except TypeError: print('conflict')
`;

/** Random numbers, the same every time. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function value(pick: (below: number) => number, depth: number): Json {
  const kind = depth === 0 ? 0 : pick(10);
  if (kind === 1) return [1, { a: 2 }];
  if (kind === 2) return null;
  return kind < 9 && kind > 2 ? dictionary(pick, depth - 1) : pick(5);
}

function dictionary(pick: (below: number) => number, depth: number): { [key: string]: Json } {
  const keys = Array.from({ length: pick(3) + 1 }, () => ['a', 'b', 'c', 'constructor'][pick(4)]!);
  return Object.fromEntries(keys.map((key) => [key, value(pick, depth)]));
}

test('as the original merges', async () => {
  let conflicts = 0;
  for (let seed = 0; seed < 60; seed += 1) {
    const pick = random(seed);
    const dir = mkdtempSync(join(tmpdir(), 'osmith-test-'));
    try {
      for (const path of ['b', 'a.json', 'Z', 'x/y/a', 'x/z', 'x/a', 'w/a', 'x.d/é'].filter(
        () => pick(3) > 0,
      )) {
        mkdirSync(dirname(join(dir, path)), { recursive: true });
        writeFileSync(join(dir, path), JSON.stringify(dictionary(pick, 3)));
      }
      const expected = execFileSync('python3', ['-c', ORACLE, dir], { encoding: 'utf8' }).trim();
      const merged = readFragments(dir).then((fragments) =>
        addFragments({}, [{ hook: 'image/a', fragments }]),
      );
      if (expected === 'conflict') {
        conflicts += 1;
        await expect(merged).rejects.toMatchObject({ code: 'E_HOOK' });
      } else expect(await merged).toEqual(JSON.parse(expected));
    } finally {
      rmSync(dir, { recursive: true });
    }
  }
  expect(conflicts).toBeGreaterThan(3);
  expect(conflicts).toBeLessThan(50);
});

test('of two hooks with the same file the later counts; names of objects are only names', () => {
  const hooks = [
    { hook: 'image/a', fragments: { x: { one: 1 }, y: { z: 1 } } },
    { hook: 'image/b', fragments: { x: { two: 2 } } },
  ];
  expect(addFragments({ version: 1 }, hooks)).toEqual({ version: 1, two: 2, z: 1 });
  const evil = JSON.parse('{"__proto__": {"polluted": true}}') as { [key: string]: Json };
  const merged = addFragments({}, [{ hook: 'image/a', fragments: { x: evil } }]);
  expect([({} as { polluted?: boolean }).polluted, JSON.stringify(merged)]).toEqual([
    undefined,
    '{"__proto__":{"polluted":true}}',
  ]);
});
