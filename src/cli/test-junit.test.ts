/** JUnit XML as an independent parser reads it; the structure is that of Jenkins' junit-10.xsd. */
import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { OsmithError } from '../errors.ts';
import { parseScenario } from '../vm/scenario/parse.ts';
import { reportAsJunit } from './test-junit.ts';
import type { TestReport } from './test-report.ts';

const PARSER = `
import json, sys, xml.etree.ElementTree as tree
def plain(node):
    return {'tag': node.tag, **({'text': node.text} if (node.text or '').strip() else {}), 'attributes': node.attrib,
            'children': [plain(child) for child in node]}
json.dump(plain(tree.fromstring(sys.stdin.buffer.read())), sys.stdout)
`;

interface Node {
  tag: string;
  text?: string;
  attributes: Record<string, string>;
  children: Node[];
}

function parse(xml: string): Node {
  return JSON.parse(execFileSync('python3', ['-c', PARSER], { input: xml, encoding: 'utf8' })) as Node;
}

/** Elements and the attributes they must and may have. */
const SCHEMA: Record<string, { must: string[]; may: string[]; children: string[] }> = {
  testsuites: {
    must: ['name', 'time', 'tests', 'failures', 'errors'],
    may: ['skipped'],
    children: ['testsuite'],
  },
  testsuite: {
    must: ['name', 'tests', 'failures', 'errors', 'skipped', 'time'],
    may: [],
    children: ['testcase', 'system-out'],
  },
  testcase: { must: ['name', 'classname', 'time'], may: [], children: ['skipped', 'failure'] },
  skipped: { must: [], may: ['message'], children: [] },
  failure: { must: ['message', 'type'], may: [], children: [] },
  'system-out': { must: [], may: [], children: [] },
};

function conforms(node: Node): void {
  const { must, may, children } = SCHEMA[node.tag]!;
  const names = Object.keys(node.attributes);
  expect(names).toEqual(expect.arrayContaining(must));
  expect(names.filter((name) => !must.includes(name) && !may.includes(name))).toEqual([]);
  expect(node.children.filter(({ tag }) => !children.includes(tag))).toEqual([]);
  node.children.forEach(conforms);
}

/** Counts say what is there. */
function adds(node: Node): void {
  const cases = node.tag === 'testsuites' ? node.children.flatMap((suite) => suite.children) : node.children;
  const real = cases.filter(({ tag }) => tag === 'testcase');
  const having = (tag: string) => real.filter((each) => each.children.some((child) => child.tag === tag));
  expect(node.attributes).toMatchObject({
    tests: String(real.length),
    failures: String(having('failure').length),
    skipped: String(having('skipped').length),
  });
}

const text = `description: 'a <b> & "c"'
firmware: uefi
steps: [boot, up, poweroff]
`;
const scenario = parseScenario(text, '/w/scenarios/one.yaml');

const nasty = 'not `a` < "b" & \u0000\u001b[1m ]]> \ud800\nsecond line ✓ \u{1f600}';
const error = new OsmithError('E_BOOT', nasty, { hint: 'do that', tail: ['\u0007last', 'words'], log: '/l' });
const report: TestReport = {
  ...{ image: 'osmith_deb_amd64', acceleration: 'emulated' },
  results: [
    {
      ...{ scenario, ok: false, ms: 61_500, logs: ['/out/console.log', '/out/console-2.log'] },
      steps: [
        { name: 'is switched on', ms: 500 },
        { name: 'comes up', ms: 61_000, error },
      ],
    },
    { scenario, ok: true, ms: 10, logs: [], steps: scenario.steps.map(({ name }) => ({ name, ms: 1 })) },
  ],
  skipped: [{ scenario, why: 'it is not for arm64' }],
};

test('is well-formed, conforms to the schema, and adds up', () => {
  const root = parse(reportAsJunit(report));
  conforms(root);
  [root, ...root.children].forEach(adds);
  expect(root.attributes).toMatchObject({ tests: '7', failures: '1', skipped: '2', time: '61.510' });
});

test('tells what failed, and keeps text that XML can have', () => {
  const [suite] = parse(reportAsJunit(report)).children;
  const [good, failed, left, out] = suite!.children;
  expect(good!.attributes).toEqual({
    ...{ classname: 'osmith_deb_amd64.one', name: 'is switched on', time: '0.500' },
  });
  const [failure] = failed!.children;
  const message = 'not `a` < "b" & \ufffd\ufffd[1m ]]> \ufffd\nsecond line ✓ \u{1f600}';
  expect(failure!.attributes).toEqual({ type: 'E_BOOT', message });
  expect(failure!.text).toBe(`${message}\ndo that\n\ufffdlast\nwords\nconsole: /l`);
  expect(left!.children[0]!.tag).toBe('skipped');
  expect(out!.text).toBe('a <b> & "c"\n/out/console.log\n/out/console-2.log');
});
