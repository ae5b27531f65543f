import { execFileSync, spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Json } from '../types.ts';
import { evaluateProgram, JsonnetError } from './index.ts';

function evaluate(
  text: string,
  files: Record<string, string> = {},
  variables: Record<string, Json> = {},
): Json {
  const all: Record<string, string> = { ...files, 'main.jsonnet': text };
  const read = (path: string) => {
    if (all[path] === undefined) throw new JsonnetError(`no ${path}`);
    return { file: path, text: all[path] };
  };
  return evaluateProgram({ entrypoint: 'main.jsonnet', read, variables }).json;
}

function fault(text: string, files?: Record<string, string>): { message: string; line: number | undefined } {
  try {
    evaluate(text, files);
  } catch (error) {
    if (error instanceof JsonnetError) return { message: error.message, line: error.place?.line };
    throw error;
  }
  throw new Error('It has no fault');
}

/** Each is true. Written from the language's definition. */
const TRUE = [
  '1 + 2 * 3 == 7 && -7 % 3 == -1 && 7 / 2 == 3.5',
  '!false || error "not evaluated"',
  '(1 << 3 | 1 ^ 3 & 2) == 11',
  '~5 == -6 && 1 << 40 == 1099511627776',
  '"a" + 1 + [2] + { b: 3 } == "a1[2]{\\"b\\": 3}"',
  '[1, 2] + [3] == [1, 2, 3] && [1, 2] < [1, 3] && "a" < "b"',
  'local a = 1, f(x, y=x + a) = [x, y]; [f(1), f(1, 5), f(y=2, x=3)] == [[1, 2], [1, 5], [3, 2]]',
  '({ a: 1, b: self.a + 1 } + { a: 10 }) == { a: 10, b: 11 }',
  '({ a: { b: 1 } } + { a+: { c: 2 } }) == { a: { b: 1, c: 2 } }',
  '({ a: 1 } + { b: super.a, c: "a" in super, d: "z" in super }) == { a: 1, b: 1, c: true, d: false }',
  '({ a:: 1, b: 2 } + { a: 3 }) == { b: 2 } && ({ a:: 1 } + { a::: 3 }) == { a: 3 }',
  '{ a: { b: $.c }, c: 7 }.a.b == 7',
  'local o = { f(x):: x * self.k, k: 2 }; (o { k: 5 }).f(3) == 15',
  '{ [if false then "a"]: 1, ["b" + "c"]: 2 } == { bc: 2 }',
  '{ local x = 1, a: x, assert self.a == 1 : "no" } == { a: 1 }',
  '[x * y for x in [1, 2, 3] if x != 2 for y in [10, 100]] == [10, 100, 30, 300]',
  '{ [k]: k + v for k in ["a", "b"] for v in ["!"] } == { a: "a!", b: "b!" }',
  '[0, 1, 2, 3, 4, 5][1:5:2] == [1, 3] && "hello"[1:] == "ello" && "hello"[::2] == "hlo"',
  '|||\n    two\n      lines\n|||  == "two\\n  lines\\n"',
  '@"a\\n" == "a\\\\n" && "\\u00e9\\ud83d\\ude00" == "é😀" && std.length("é😀") == 2',
  'local l = [1, l[0] + 1]; l == [1, 2]',
  'std.length([error "lazy", 1]) == 2 && { a: error "lazy", b: 1 }.b == 1',
  '(if false then 1) == null',
  'std.sort([3, 1, 2], function(x) -x) == [3, 2, 1] && std.set(["b", "a", "b"]) == ["a", "b"]',
  '"%05.1f|%-4d|%#x" % [2.5, 7, 255] == "002.5|7   |0xff"',
  '"%(a)s-%(b)03d" % { a: "x", b: 7 } == "x-007"',
  'std.sha256("a") == "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb" && std.trim(" a ") == "a"',
  'std.manifestYamlDoc({ a: [1, { b: "x\\ny\\n" }] }) == "\\"a\\":\\n- 1\\n- \\"b\\": |\\n    x\\n    y"',
  'std.manifestIni({ main: { a: 1 }, sections: { s: { b: [1, 2] } } }) == "a = 1\\n[s]\\nb = 1\\nb = 2\\n"',
  'std.manifestTomlEx({ a: 1, t: { b: "c" } }, "  ") == "a = 1\\n\\n[t]\\n  b = \\"c\\""',
  'std.mergePatch({ a: 1, b: { c: 2 } }, { a: null, b: { d: 3 } }) == { b: { c: 2, d: 3 } }',
  'std.objectFields({ "10": 1, "9": 2, a:: 3 }) == ["10", "9"] && std.toString({ "10": 1, "9": 2 }) == "{\\"10\\": 1, \\"9\\": 2}"',
  'std.escapeStringBash("a\'b") == "\'a\'\\"\'\\"\'b\'" ',
  'std.base64("hé") == "aMOp" && std.base64Decode("aMOp") == "hé"',
  'std.get({ a:: 1 }, "a") == 1 && std.get({}, "a", "d") == "d"',
  'std.foldl(function(a, b) a + b, ["a", "b"], "") == "ab" && std.join(",", ["a", null, "b"]) == "a,b"',
];

test.each(TRUE)('program %#', (program) => {
  expect(evaluate(program)).toBe(true);
});

/** Program, message, line. */
const FAULTS: [string, string, number][] = [
  ['{\n  a: b,\n}', 'There is no variable b', 2],
  ['{ a: 1, a: 2 }', 'The field a is there twice', 1],
  ['self.a', 'self has a meaning only inside an object', 1],
  ['{ a: 1 }.b', 'The object has no field "b"', 1],
  ['\n[1, 2][2]', 'The index 2 is outside of 0 to 1', 2],
  ['1 +\n"a" * 2', '* cannot be applied to string and number', 2],
  ['{ a: 1', 'Expected `,` or `}`, found the end of the file', 1],
  ['"abc', 'This string does not end', 1],
  ['1 / 0', 'Division by zero', 1],
  ['local x = x; x', 'This value depends on itself', 1],
  ['local f(x) = f(x); f(1)', 'This recurses too deeply', 1],
  ['std.length(std.range(1, 3000000))', '3000000 is not a sensible size', 1],
  [
    'local fib(n) = if n < 2 then n else fib(n - 1) + fib(n - 2); fib(50)',
    'This takes too long: it may never end',
    1,
  ],
  ['{ assert self.a > 1 : "too small", a: 1 }', 'too small', 1],
  ['error "mine"', 'mine', 1],
  ['(function(x) x)()', 'The argument x is missing', 1],
  ['importbin "x"', 'importbin is not supported: patterns are text', 1],
  ['import "a" + "b"', 'What import names must be a plain string', 1],
  [`${'['.repeat(5000)}`, 'This is nested too deeply', 1],
];

test.each(FAULTS)('fault %#', (program, message, line) => {
  expect(fault(program)).toEqual({ message, line });
});

test('files import each other, lazily, and know their names', () => {
  const files = {
    lib: '{ name: std.thisFile, text: importstr "text", never:: import "missing" }',
    text: 'as it is\n',
  };
  expect(evaluate('import "lib"', files)).toEqual({ name: 'lib', text: 'as it is\n' });
  expect(fault('import "a"', { a: '(import "b") + {}', b: '(import "a") + {}' }).message).toBe(
    'a imports itself',
  );
});

test('variables come in, the machine stays out', () => {
  expect(evaluate('std.extVar("vars").x', {}, { vars: { x: [1, null] } })).toEqual([1, null]);
  expect(fault('std.extVar("other")').message).toBe('There is no external variable other');
  expect(evaluate('std.native("getEnv")')).toBeNull();
  expect(evaluate('{ "__proto__": 1, constructor: 2 }')).toEqual(
    JSON.parse('{ "__proto__": 1, "constructor": 2 }'),
  );
});

test('a value knows where it is written', () => {
  const text = '{\n  list: [\n    1,\n    { deep: 2 },\n  ],\n}';
  const read = (path: string) => ({ file: path, text });
  const { locate } = evaluateProgram({ entrypoint: 'm', read, variables: {} });
  expect(locate(['list', 1, 'deep'])).toMatchObject({ file: 'm', line: 4 });
  expect(locate(['list', 9])).toMatchObject({ line: 2 });
});

const hasOracle = spawnSync('jsonnet', ['--version']).status === 0;

describe.skipIf(!hasOracle)('as the reference implementation', () => {
  /** Its answer; undefined for a fault. */
  function oracle(program: string): Json | undefined {
    const { status, stdout } = spawnSync('jsonnet', ['-'], { input: program, encoding: 'utf8' });
    return status === 0 ? (JSON.parse(stdout) as Json) : undefined;
  }
  function ours(program: string): Json | undefined {
    try {
      return evaluate(program);
    } catch (error) {
      if (error instanceof JsonnetError) return undefined;
      throw error;
    }
  }

  const { expression } = fc.letrec<{ expression: string }>((tie) => {
    const sub = tie('expression');
    const name = fc.constantFrom('a', 'b', 'c');
    const field = fc.tuple(name, fc.constantFrom(':', '::', ':::', '+:'), sub);
    const object = fc
      .uniqueArray(field, { maxLength: 3, selector: ([key]) => key })
      .map((fields) => `{${fields.map(([key, colon, value]) => `${key}${colon} ${value}`).join(', ')}}`);
    const operator = fc.constantFrom(
      '+',
      '-',
      '*',
      '/',
      '%',
      '==',
      '!=',
      '<',
      '>=',
      '&&',
      '||',
      '&',
      '<<',
      'in',
    );
    return {
      expression: fc.oneof(
        { maxDepth: 4, depthSize: 'small' },
        fc.constantFrom(
          '0',
          '1',
          '2.5',
          '-3',
          '"x"',
          '"é😀"',
          'null',
          'true',
          'v',
          '[]',
          '{}',
          '1e20',
          '0.1',
        ),
        fc.tuple(sub, operator, sub).map(([left, sign, right]) => `(${left} ${sign} ${right})`),
        fc.array(sub, { maxLength: 3 }).map((items) => `[${items.join(', ')}]`),
        object,
        fc.tuple(object, object).map(([left, right]) => `(${left} + ${right})`),
        fc.tuple(sub, name).map(([target, key]) => `(${target}).${key}`),
        fc.tuple(object, name).map(([target, key]) => `(${target} + { z: self.${key}, y: super.${key} })`),
        fc.tuple(sub, sub, sub).map(([when, yes, no]) => `(if ${when} then ${yes} else ${no})`),
        fc.tuple(sub, sub).map(([value, body]) => `(local v = ${value}; ${body})`),
        fc.tuple(sub, sub).map(([body, list]) => `[${body} for v in ${list}]`),
        fc.tuple(sub, sub).map(([body, argument]) => `(function(v, w=v) ${body})(${argument})`),
        fc
          .tuple(
            fc.constantFrom(
              ...['toString', 'length', 'type', 'objectFields', 'prune', 'manifestJson'],
              ...['manifestYamlDoc', 'isString', 'floor', 'escapeStringJson', 'lines', 'stringChars'],
            ),
            sub,
          )
          .map(([fn, argument]) => `std.${fn}(${argument})`),
        fc
          .tuple(fc.constantFrom('%s', '%d', '%05.2f', '%x', '%-6s|', '%+e', '%c', '%%', '%#o'), sub)
          .map(([format, value]) => `("${format}" % ${value})`),
      ),
    };
  });

  test('random programs', () => {
    fc.assert(
      fc.property(expression, (body) => {
        const program = `local v = 1; [${body}]`;
        const [value, wanted] = [ours(program), oracle(program)];
        // Which arguments a library function refuses is not defined, only what it gives.
        if (program.includes('std.') && (value === undefined || wanted === undefined)) return;
        expect({ program, value }).toEqual({ program, value: wanted });
      }),
      { numRuns: 150 },
    );
  });

  test('programs of the table', () => {
    const known = TRUE.filter((program) => !/sha256|std.get|base64/.test(program));
    const all = `[${known.map((program) => `(${program})`).join(',\n')}]`;
    expect(execFileSync('jsonnet', ['-'], { input: all, encoding: 'utf8' })).not.toContain('false');
  });
});
