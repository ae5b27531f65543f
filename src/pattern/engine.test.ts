import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { printed, SH, useCommands } from './test-bench.ts';
import type { Command, Entry, Mode } from './types.ts';

const bench = useCommands();

interface Sample {
  hasCheck: boolean;
  /** Whether the check passes at first; a change makes it pass, a removal fail. */
  done: boolean;
  hasChange: boolean;
  hasRemove: boolean;
  always: boolean;
  fails: boolean;
  onChange: number[];
  onFail: number[];
  onRemove: number[];
}

const sample = fc.record({
  ...{ hasCheck: fc.boolean(), done: fc.boolean(), hasChange: fc.boolean(), hasRemove: fc.boolean() },
  ...{ always: fc.boolean(), fails: fc.integer({ max: 6, min: 0 }).map((n) => n === 0) },
  ...{ onChange: fc.array(fc.nat(5)), onFail: fc.array(fc.nat(5)), onRemove: fc.array(fc.nat(5)) },
});

/** Targets that exist: later ones of changes and failures, earlier ones of removals. */
function valid(samples: Sample[]): Sample[] {
  return samples.map((each, index) => ({
    ...each,
    onChange: each.onChange.filter((target) => target > index && target < samples.length),
    onFail: each.onFail.filter((target) => target > index && target < samples.length),
    onRemove: each.onRemove.filter((target) => target < index),
  }));
}

/** The rules of the command model, in the words of its description: which scripts run, in which order. */
function expected(samples: Sample[], mode: Mode): string[] {
  const log: string[] = [];
  const done = samples.map((each) => each.done);
  let triggered = new Set<number>();
  let broken = false;
  const order = samples.map((_each, index) => index);
  for (const index of mode === 'remove' ? order.reverse() : order) {
    const { hasCheck, hasChange, hasRemove, always, fails, onChange, onFail, onRemove } = samples[index]!;
    if (broken && !triggered.has(index)) continue;
    if (hasCheck) log.push(`check ${index}`);
    const passes = done[index]!;
    if (mode === 'check') continue;
    const remove = mode === 'remove';
    if (!(remove ? hasRemove : hasChange)) continue;
    if (!always && !(hasCheck && passes === remove) && !triggered.has(index)) continue;
    log.push(`${mode} ${index}`);
    if (fails) {
      broken = true;
      triggered = new Set(remove ? [] : onFail);
    } else {
      done[index] = !remove;
      for (const target of remove ? onRemove : onChange) triggered.add(target);
    }
  }
  return log;
}

test('random lists run as the rules say, in each mode', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(sample, { minLength: 1, maxLength: 6 }).map(valid),
      fc.constantFrom<Mode>('change', 'check', 'remove'),
      async (samples, mode) => {
        const state = await mkdtemp(join(bench.dir, 's-'));
        for (const [index, { done }] of samples.entries())
          if (done) await writeFile(join(state, String(index)), '');
        const commands = samples.map((each, index): Command => {
          const script = (phase: string, rest: string) => `echo ${phase} ${index} >>log; ${rest}`;
          const effect = (success: string) => (each.fails ? 'exit 3' : success);
          const names = (targets: number[]) => targets.map((target) => `c${target}`);
          return {
            id: `c${index}`,
            check: each.hasCheck ? script('check', `test -e ${index}`) : undefined,
            change: each.hasChange ? script('change', effect(`touch ${index}`)) : undefined,
            remove: each.hasRemove ? script('remove', effect(`rm -f ${index}`)) : undefined,
            always: each.always,
            onChange: names(each.onChange),
            onFail: names(each.onFail),
            onRemove: names(each.onRemove),
          };
        });
        const report = await bench.run(commands, { mode, exec: [{ ...SH, workDir: state }] });
        const log = await readFile(join(state, 'log'), 'utf8').catch(() => '');
        const wanted = expected(samples, mode);
        expect(log.split('\n').slice(0, -1)).toEqual(wanted);
        const changes = wanted
          .filter((line) => line.startsWith('change'))
          .map((line) => Number(line.slice(7)));
        const succeeded = changes.filter((index) => !samples[index]!.fails).map((index) => `c${index}`);
        if (mode === 'change') expect(report.changed).toEqual(succeeded);
        expect(report.err !== '').toBe(
          wanted.some((line) => !line.startsWith('check') && samples[Number(line.split(' ')[1])]!.fails),
        );
      },
    ),
    { numRuns: 25 },
  );
});

/** Commands whose targets are wrong, and what is said of them. */
const WRONG: [string, Entry[], string][] = [
  ['unknown', [{ id: 'a', onChange: ['b'] }], 'onChange of "a" names "b", and there is no such command'],
  ['self', [{ id: 'a', onChange: ['a'] }], 'onChange of "a" names the command itself'],
  ['self by expression', [{ id: 'a', onRemove: ['[a]'] }], 'onRemove of "a" names the command itself'],
  ['earlier', [{ id: 'a' }, { id: 'b', onChange: ['a'] }], 'onChange of "b" names "a", which comes earlier'],
  ['later', [{ id: 'a', onRemove: ['b'] }, { id: 'b' }], 'onRemove of "a" names "b", which comes later'],
  ['onFail', [{ id: 'a' }, { id: 'b', onFail: ['a'] }], 'onFail of "b" names "a", which comes earlier'],
  [
    'into a group',
    [
      { id: 'a', onChange: ['x'] },
      { id: 'g', commands: [{ id: 'x' }] },
    ],
    'onChange of "a" names "x", and there is no such command',
  ],
  [
    'out of a group',
    [{ id: 'g', commands: [{ id: 'x', onChange: ['a'] }] }, { id: 'a' }],
    'onChange of "g/x" names "a", and there is no such command',
  ],
  ['twice', [{ id: 'a' }, { id: 'a' }], 'The id "a" is there twice'],
  [
    'an event',
    [{ id: 'a', onChange: ['osmith:'] }],
    'onChange of "a" raises "osmith:", which is no name of an event',
  ],
];

test.each(WRONG)('wrong targets are told before anything runs: %s', async (_name, commands, message) => {
  const first: Command = { id: 'first', always: true, change: 'touch ran' };
  await expect(bench.run([first, ...commands])).rejects.toMatchObject({ code: 'E_PATTERN', message });
  expect(existsSync(join(bench.dir, 'ran'))).toBe(false);
});

test('expressions reach all later commands that they match as a whole', async () => {
  const change = (id: string): Command => ({ id, change: 'true' });
  const start: Command = { id: 'b0', always: true, change: 'true', onChange: ['b\\d', 'exact.'] };
  const report = await bench.run([
    change('b9'),
    start,
    change('b1'),
    change('xb2'),
    change('b3x'),
    change('exact.'),
    change('exactly'),
  ]);
  expect(report.changed).toEqual(['b0', 'b1', 'exact.']);
});

test('groups are flattened, their ids are their own', async () => {
  const report = await bench.run([
    { id: 'a', always: true, change: 'true' },
    {
      id: 'g',
      commands: [
        { id: 'a', always: true, change: 'true', onChange: ['b'] },
        { id: 'deep', commands: [{ id: 'b', change: 'true' }] },
        { id: 'b', change: 'true' },
      ],
    },
    { id: 'b', change: 'true' },
  ]);
  expect(report.changed).toEqual(['a', 'g/a', 'g/b']);
});

test('environment is handed on, with and without a prefix', async () => {
  const show = 'echo "$P|$P_CHECK|$P_CHANGE|$P_CHANGE_OUT|$_CHECK|${_CHANGE-unset}"';
  const report = await bench.run([
    {
      id: 'p',
      envPrefix: 'P',
      check: 'echo found; echo noise >&2; exit 1',
      change: 'echo "now $P $P_CHECK"',
    },
    { id: 'plain', check: 'false', change: 'true' },
    { id: 'show', always: true, change: show, onChange: ['osmith:stdout'] },
    { id: 'idle', check: 'true', change: 'true' },
    {
      id: 'again',
      always: true,
      check: 'test "$_CHECK" = 0 && test -z "$_CHANGE"',
      change: show,
      onChange: ['osmith:stdout'],
    },
  ]);
  expect(printed(report)).toEqual(['found|1|0|now found 1|0|0', 'found|1|0|now found 1|0|unset']);
  const removal = await bench.run(
    [
      { id: 'b', remove: 'true', always: true },
      { id: 'p', envPrefix: 'P', check: 'echo x', remove: 'echo gone' },
    ]
      .toReversed()
      .concat([]),
    { mode: 'remove' },
  );
  expect(removal.removed).toEqual(['b', 'p']);
});

test('what a script prints can be huge, and then is not a variable', async () => {
  const report = await bench.run([
    {
      id: 'big',
      envPrefix: 'BIG',
      always: true,
      change: 'head -c 300000 /dev/zero | tr "\\0" x',
      onChange: ['osmith:buildManifest'],
    },
    { id: 'after', always: true, change: 'echo "${BIG_CHANGE_OUT-none}"', onChange: ['osmith:stdout'] },
  ]);
  expect(report.events[0]!.value).toHaveLength(300_000);
  expect(printed(report)).toEqual(['none']);
});

test('events carry what was printed; exit says how to end', async () => {
  const report = await bench.run([
    {
      id: 'a',
      always: true,
      change: 'printf "4\\n\\n"',
      onChange: ['osmith:exit', 'osmith:runVar_X', 'osmith:mine'],
    },
    { id: 'b', always: true, change: 'echo why; exit 9', onFail: ['osmith:broken'] },
  ]);
  expect(report.events.map(({ name, id, value }) => [name, id, value])).toEqual([
    ['exit', 'a', '4'],
    ['runVar_X', 'a', '4'],
    ['mine', 'a', '4'],
    ['broken', 'b', 'why'],
  ]);
  expect(report).toMatchObject({
    exit: 4,
    err: 'b: change failed with exit code 9',
    failed: { tail: ['why'] },
  });
});

test('a failure stops the run, but for what it triggers', async () => {
  const report = await bench.run([
    { id: 'ok', always: true, change: 'true', onChange: ['late'] },
    { id: 'bad', always: true, change: 'false', onFail: ['rescue'] },
    { id: 'late', change: 'true' },
    { id: 'rescue', change: 'true', onChange: ['then'] },
    { id: 'then', change: 'true' },
  ]);
  expect(report.changed).toEqual(['ok', 'rescue', 'then']);
  expect(report.failed).toMatchObject({ id: 'bad', phase: 'change', exit: 1 });
});

test('what a new pattern lacks or has differently is removed', async () => {
  const state = join(bench.dir, 'diff');
  await mkdir(state, { recursive: true });
  const exec = [{ ...SH, workDir: state }];
  const file = (id: string, text = id): Command => ({
    ...{ id, check: `test -e ${id}`, change: `echo ${text} >${id}; echo +${id} >>log` },
    remove: `rm ${id}; echo -${id} >>log`,
  });
  const first = [
    file('gone'),
    file('changed'),
    { ...file('kept'), changeIgnore: true },
    file('same'),
    { ...file('last'), removeAfter: true },
  ];
  await bench.run(first, { exec });
  const next = [
    file('changed', 'new'),
    { ...file('kept', 'new'), changeIgnore: true },
    file('same'),
    file('fresh'),
  ];
  const report = await bench.run(next, { exec, previous: { commands: first, exec } });
  expect(report.removed).toEqual(['changed', 'gone', 'last']);
  expect(report.changed).toEqual(['changed', 'fresh']);
  const log = (await readFile(join(state, 'log'), 'utf8')).split('\n');
  expect(log.slice(5)).toEqual(['-changed', '-gone', '+changed', '+fresh', '-last', '']);
});
