import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { OsmithError } from '../../errors.ts';
import { inRange, parseDependency } from './dependency.ts';
import { installOrder } from './order.ts';
import { parsePackage, type ApkPackage } from './package-index.ts';
import { parseWorld } from './resolve.ts';
import { solve } from './solver.ts';
import { buildUniverse, type Candidate, type Repository } from './universe.ts';

/** `NAME-VERSION D:... p:... i:... k:...`: a package as an index has it, with semicolons between its fields. */
function pkg(line: string): ApkPackage {
  const [id = '', ...fields] = line.split(/\s*;\s*/);
  const [, name, version] = /^(.+)-(\d\S*)$/.exec(id)!;
  const checksum = createHash('sha1').update(line).digest('base64');
  return parsePackage([`C:Q1${checksum}`, `P:${name}`, `V:${version}`, 'o:x', ...fields].join('\n'))!;
}

/** Lines after `[TAG]` are in a repository of their own. */
function repositories(text: string): Repository[] {
  const list: Repository[] = [{ tag: '', packages: [] }];
  for (const line of text.split('\n').map((each) => each.trim())) {
    const section = /^\[@?(.*)\]$/.exec(line);
    if (section !== null) list.push({ tag: section[1]!, packages: [] });
    else if (line !== '') list.at(-1)!.packages.push(pkg(line));
  }
  return list;
}

const missing = (name: string) => new OsmithError('E_PACKAGE_MISSING', `no package ${name}`);
const idOf = ({ pkg: { name, version } }: Candidate) => `${name}-${version}`;

/** In the order in which they are installed. */
function solved(text: string, world: string, fixed = ''): string {
  const universe = buildUniverse(repositories(text));
  const words = (list: string) => parseWorld(list.split(' ').filter(Boolean));
  const before = solve(universe, words(fixed), new Set(), missing);
  const packages = solve(universe, words(`${fixed} ${world}`), before, missing);
  return installOrder(packages, words(`${fixed} ${world}`), before)
    .map(idOf)
    .join(' ');
}

function failure(text: string, world: string): string {
  try {
    return `it works: ${solved(text, world)}`;
  } catch (error) {
    return (error as Error).message;
  }
}

describe('chooses as apk does', () => {
  test.each([
    ['what a package needs comes before it', 'a-1; D:b c\nb-1; D:c\nc-1', 'a', 'c-1 b-1 a-1'],
    ['a circle', 'a-1; D:b\nb-1; D:a', 'a', 'b-1 a-1'],
    ['the newest version', 'a-1\na-1.10\na-1.9', 'a', 'a-1.10'],
    ['a version that is asked for', 'a-1-r0\na-1.2-r3\na-2-r0', 'a~1', 'a-1.2-r3'],
    ['an older version, as something needs it', 'a-1; D:b<2\nb-1\nb-2', 'a b', 'b-1 a-1'],
    ['a choice made anew', 'a-1\na-2; D:b<2\nb-1; D:d>1\nb-3\nd-1', 'a b>2', 'a-1 b-3'],
    ['what is provided with a version', 'a-1; D:so:x.so.1\nb-1; p:so:x.so.1=1.2', 'a', 'b-1 a-1'],
    ['the newest of what is provided', 'b-9; p:x=1\nc-1; p:x=2', 'x', 'c-1'],
    ['the real package, where it is newer', 'x-3\nb-1; p:x=2', 'x', 'x-3'],
    ['the only one that provides a name', 'a-1; D:x\nb-1; p:x', 'a', 'b-1 a-1'],
    ['by priority', 'a-1; D:x\nb-1; p:x; k:10\nc-1; p:x; k:100', 'a', 'c-1 a-1'],
    ['the one that is wanted anyway', 'a-1; D:x\nb-1; p:x\nc-1; p:x', 'a b', 'b-1 a-1'],
    [
      'the one that is wanted anyway by another',
      'a-1; D:x d\nb-1; p:x; k:9\nc-1; p:x\nd-1; D:c',
      'a',
      'c-1 d-1 a-1',
    ],
    ['two that provide a name without versions', 'b-1; p:x\nc-1; p:x', 'b c', 'b-1 c-1'],
    ['a range for a name without versions', 'a-1; D:x>5\nb-1; p:x', 'a', 'b-1 a-1'],
    ['around a conflict', 'a-1; D:x !b\nb-1; p:x=2\nc-1; p:x=1', 'a', 'c-1 a-1'],
    ['a conflict with a name of its own', 'a-1; D:!x; p:x=1', 'a', 'a-1'],
    [
      'what comes by itself',
      'a-1\na-doc-1; i:docs a=1\ndocs-1\nb-doc-1; i:docs b=1',
      'a docs',
      'a-1 docs-1 a-doc-1',
    ],
    ['what comes with that', 'a-1\nb-1; i:a\nc-1; i:b; D:d\nd-1', 'a', 'a-1 b-1 d-1 c-1'],
    ['nothing that comes by itself and cannot', 'a-1\nb-1; i:a; D:nowhere\nc-1; i:a; D:!a', 'a', 'a-1'],
    ['nothing where something forbids it', 'a-1\nb-1; i:a !c\nc-1', 'a c', 'a-1 c-1'],
    ['the first repository', 'a-1; D:b\n[]\na-1\nb-1', 'a', 'b-1 a-1'],
    ['nothing of a tag by itself', 'a-1\n[@edge]\na-2', 'a', 'a-1'],
    [
      'from a tag, and the rest where it can be',
      'b-1\n[@edge]\na-2; D:b c\nb-2\nc-2',
      'a@edge',
      'b-1 c-2 a-2',
    ],
  ])('%s', (_what, text, world, expected) => {
    expect(solved(text, world)).toBe(expected);
  });

  test('what is there stays', () => {
    expect(solved('a-1\nb-1; D:x\nc-1; p:x=1\nd-1; p:x=2\ne-1; i:a b', 'b', 'a c')).toBe('b-1 e-1');
  });
});

test.each([
  ['a-1', 'b', 'no package b'],
  ['a-1; D:b\nb-1; D:nowhere>3', 'a', 'b cannot be installed: it depends on nowhere>3'],
  ['a-1; D:b>2\nb-1', 'a', 'a cannot be installed: it depends on b>2'],
  ['a-1\na-2', 'a=3', 'There is no a=3'],
  ['a-1; D:!b\nb-1', 'a b', 'b and a cannot be installed together'],
  ['a-1; p:x=1\nb-1; p:x=2', 'a b', 'b and a cannot be installed together'],
  ['a-1; D:c<2\nb-1; D:c>=2\nc-1\nc-2', 'a b', 'a and b cannot be installed together'],
  ['a-1; D:b\nb-1', 'a !b', 'b is needed, and the package lists of the configuration forbid it'],
  ['a-1; D:x\nb-1; p:x\nc-1; p:x', 'a', 'Several packages can be x: b, c'],
  ['[@edge]\na-1', 'a', 'a is only in repositories with a tag'],
  ['a-1\n[@edge]\nb-1', 'a@edge', 'no package a@edge'],
])('%s: %s', (text, world, message) => {
  expect(failure(text, world)).toBe(message);
});

test('what apk does not understand is not offered', () => {
  expect(parsePackage('C:Q1tA5A8EqZbXfR9cF2RLm9Qn3RKzM=\nP:a\nV:1\nX:new')).toBeUndefined();
  expect(parsePackage('C:Q1tA5A8EqZbXfR9cF2RLm9Qn3RKzM=\nP:a\nV:1\nD:b>=foo')).toBeUndefined();
  expect(parsePackage('C:Q1tA5A8EqZbXfR9cF2RLm9Qn3RKzM=\nP:../a\nV:1')).toBeUndefined();
  expect(() => parseWorld(['a b'])).toThrow('is not how apk names a package');
});

describe('against trying everything', () => {
  const name = fc.constantFrom('a', 'b', 'c', 'd');
  const range = fc.constantFrom('', '', '=1', '=2', '<2', '>1');
  const wanted = fc.tuple(fc.constantFrom('', '', '', '!'), fc.oneof(name, fc.constant('x')), range);
  const text = wanted.map((parts) => parts.join(''));
  const line = fc
    .record({
      name,
      version: fc.constantFrom('1', '2'),
      depends: fc.array(text, { maxLength: 3 }),
      provides: fc.constantFrom('', '', '; p:x=1', '; p:x=2'),
    })
    .map((p) => `${p.name}-${p.version}; D:${p.depends.join(' ')}${p.provides}`);

  /** Whether a set of packages is one that may be installed, by the words of apk-package(5). */
  function isConsistent(packages: readonly ApkPackage[], world: readonly string[]): boolean {
    const has = packages.flatMap((own) => [
      { own, name: own.name, version: own.version },
      ...own.provides.map((each) => ({ own, name: each.name, version: each.version! })),
    ]);
    if (new Set(has.map((each) => each.name)).size < has.length) return false;
    const holds = (word: string, by?: ApkPackage) => {
      const dependency = parseDependency(word)!;
      const found = has.some(
        (each) =>
          each.name === dependency.name &&
          !(dependency.conflict && each.own === by) &&
          inRange(dependency, each.version, each.own.checksum),
      );
      return found !== dependency.conflict;
    };
    const wordsOf = (own: ApkPackage) => /^D:(.*)$/m.exec(own.text)![1]!.split(' ').filter(Boolean);
    return (
      world.every((word) => holds(word)) &&
      packages.every((own) => wordsOf(own).every((word) => holds(word, own)))
    );
  }

  test('a solution is one, and there is one if there can be one', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(line, { maxLength: 8, selector: (each) => each.split(';')[0] }),
        fc.array(text, { minLength: 1, maxLength: 3 }),
        (lines, world) => {
          const packages = lines.map(pkg);
          const universe = buildUniverse([{ tag: '', packages }]);
          const sets = Array.from({ length: 1 << packages.length }, (_, bits) =>
            packages.filter((_each, i) => bits & (1 << i)),
          );
          const possible = sets.some((set) => isConsistent(set, world));
          let found: ApkPackage[] | undefined;
          try {
            const chosen = solve(universe, parseWorld(world), new Set(), missing);
            found = [...chosen].map((candidate) => candidate.pkg);
            const order = installOrder(chosen, parseWorld(world), new Set());
            expect(new Set(order)).toEqual(chosen);
          } catch (error) {
            if (!(error instanceof OsmithError)) throw error;
          }
          expect(found !== undefined).toBe(possible);
          if (found !== undefined) expect(isConsistent(found, world)).toBe(true);
        },
      ),
      { numRuns: 3000 },
    );
  });
});
