/** Programs of modifiers next to what jq makes of them. */
import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { OsmithError } from '../errors.ts';
import { evaluate } from './evaluate.ts';
import { parseProgram } from './parse.ts';

const DOCUMENT = {
  kernel: { image: 'KERNEL_TAG', cmdline: 'rootdelay=3' },
  init: ['linuxkit/init:1', 'GRUB_TAG', 'DOM0ZTOOLS_TAG', 'FW_TAG', 'GPTTOOLS_TAG'],
  onboot: [
    { name: 'rngd', image: 'RNGD_TAG' },
    { name: 'storage-init', image: 'STORAGE_TAG' },
    { name: 'installer', image: 'INSTALLER_TAG', 'binds.add': ['/a:/a'] },
  ],
  services: [
    { name: 'newlogd', image: 'NEWLOGD_TAG', oomScoreAdj: -999 },
    { name: 'debug', image: 'DEBUG_TAG' },
    { name: 'pillar', image: 'PILLAR_TAG' },
  ],
};

function own(program: string): unknown[] {
  return evaluate(parseProgram(program, 'm.yq'), DOCUMENT, 'm.yq');
}
function jq(program: string): unknown[] | undefined {
  const { status, stdout } = spawnSync('jq', ['-c', program], {
    input: JSON.stringify(DOCUMENT),
    encoding: 'utf8',
  });
  if (status !== 0) return undefined;
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as unknown);
}
const hasJq = spawnSync('jq', ['--version']).status === 0;

test.skipIf(!hasJq).each([
  '.services += [{"name": "kube", "image": "KUBE_TAG", "oomScoreAdj": -999}] | (.init[] | select(. == "FW_TAG")) |= "FW_K_TAG"',
  'del(.init[] | select(test("DOM0ZTOOLS_TAG|GRUB_TAG|GPTTOOLS_TAG") != true)) | del(.onboot[] | select(.name != "storage-init"))',
  '.services |= . + [{"name": "kvm-tools", image: "X"}]',
  '(.onboot[] | select(.name == "installer"))."binds.add" += ["/b:/b:ro"] | .kernel.image |= "K"',
  'limit(1; .services | to_entries | .[] | select(.value.name == "newlogd") | .key) as $i | .services = .services[0:$i + 1] + [{"name": "new"}] + .services[$i + 1:]',
  '.services as $s | .files = [$s[] | {path: ("/" + .name), contents: .image}]',
  '.kernel.cmdline += " quiet" | del(.onboot) | .new.deep."x.y" = [1, -2.5, null, true]',
  '.init |= map(select(startswith("linuxkit/") | not))',
  '[.services[] | .oomScoreAdj // 0], (.onboot | length), first(.init[]), .init[-1], (.init | last), [.init[2:][]], (.kernel | keys)',
  '.missing += ["x"] | .init -= ["FW_TAG"] | (.services[] | select(has("oomScoreAdj")) | .oomScoreAdj) = 1',
  '[.services[] | .name == "debug" or .name == "pillar" and true] # a comment',
  'del(.services[0, 2], .init[1:3][])', // a slice is no place for us
])('as jq: %s', (program) => {
  const wanted = jq(program);
  expect(wanted).toBeDefined();
  if (program.includes('[1:3][]'))
    expect(() => own(program)).toThrow('Only a place in the document can be changed');
  else expect(own(program)).toEqual(wanted);
});

/** Programs of the grammar, most of which mean something for the document. */
const { program: generated } = fc.letrec<Record<'program' | 'path' | 'value' | 'condition', string>>(
  (tie) => ({
    path: fc.constantFrom(
      '.init',
      '.services',
      '.onboot',
      '.kernel',
      '.kernel.image',
      '.services[0]',
      '.init[1]',
      '.services[].name',
      '.files',
    ),
    value: fc.oneof(
      fc.constantFrom(
        '"a"',
        '1',
        '["x"]',
        '[{"name": "n"}]',
        '{"k": 1}',
        'null',
        '.',
        'length',
        '[.[]]',
        '.init[1:]',
        '(.init | length)',
      ),
      fc.tuple(tie('path'), tie('path')).map(([a, b]) => `(${a} + ${b})`),
    ),
    condition: fc
      .tuple(tie('path'), fc.constantFrom('==', '!='), tie('value'))
      .map((parts) => parts.join(' ')),
    program: fc.oneof(
      { depthSize: 'small' },
      fc.tuple(tie('path'), fc.constantFrom('=', '|=', '+='), tie('value')).map((parts) => parts.join(' ')),
      fc.tuple(tie('path')).map(([path]) => `del(${path})`),
      fc.tuple(tie('condition')).map(([condition]) => `del(.services[] | select(${condition}))`),
      fc
        .tuple(tie('path'), tie('value'))
        .map(([path, value]) => `${path} as $x | .new = $x | .other = ${value}`),
      fc.tuple(tie('program'), tie('program')).map((parts) => parts.join(' | ')),
      fc.tuple(tie('condition'), tie('condition')).map(([a, b]) => `[${a} and ${b} // "no"]`),
    ),
  }),
);

test.skipIf(!hasJq)('generated programs mean what they mean for jq', () => {
  let compared = 0;
  fc.assert(
    fc.property(generated, (program) => {
      const wanted = jq(program);
      let got: unknown[] | undefined;
      try {
        got = own(program);
      } catch {
        got = undefined;
      }
      // What jq refuses may be taken: one item added to a list. Of several values to assign, jq makes several documents.
      if (wanted?.length !== 1) return;
      compared += 1;
      expect(got, program).toEqual(wanted);
    }),
    { numRuns: 150 },
  );
  expect(compared).toBeGreaterThan(40);
});

test('one item is added to a list, as yq does', () => {
  expect(own('.services += {"name": "x"} | .services[3]')).toEqual([{ name: 'x' }]);
});

test.each<[string, string, string]>([
  ['a function', '.init\n| sort_by(.x)', 'm.yq:2 There is no function sort_by with 1 arguments'],
  ['an end', '.init[', 'm.yq:1 the end was not expected here'],
  ['a sign', '.a\n\n@', 'm.yq:3 Cannot read "@"'],
  ['a variable', '$x', 'm.yq:1 There is no variable $x'],
  ['types', '.init.x', 'm.yq:1 a list has no "x"'],
  ['no place', '[.init] |= 1', 'm.yq:1 Only a place in the document can be changed'],
])('bad: %s', (_what, program, wanted) => {
  try {
    own(program);
  } catch (error) {
    const { message, details } = error as OsmithError;
    expect(`${details.where?.file}:${details.where?.line} ${message}`).toBe(wanted);
    return;
  }
  expect.unreachable();
});
