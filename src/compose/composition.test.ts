import { expect, test } from 'vitest';
import type { OsmithError } from '../errors.ts';
import { imagesOf, readComposition } from './composition.ts';
import { metadata } from './metadata.ts';

function faultsOf(...texts: string[]): string[] {
  try {
    readComposition(texts.map((text, i) => ({ file: `${i + 1}.yml`, text })));
  } catch (thrown) {
    const error = thrown as OsmithError;
    expect(error.code).toBe('E_COMPOSE');
    return [error, ...(error.details.also ?? [])].map(({ message, details: { where, hint } }) => {
      expect(hint).toBeTruthy();
      return `${where?.file}:${where?.line} ${message}`;
    });
  }
  return [];
}

const SERVICE = 'services:\n  - name: a\n    image: b\n';

test.each<[string, string[], string[]]>([
  ['an unknown section', ['kernel:\n  image: x\nservces: []'], ['1.yml:3 There is no key servces']],
  ['an unknown key of the kernel', ['kernel:\n  imge: x'], ['1.yml:2 There is no key kernel.imge']],
  [
    'an unknown key of a service',
    [`${SERVICE}    comand: []`],
    ['1.yml:4 There is no key services[0].comand'],
  ],
  [
    'rmlimits, as linuxkit’s documentation has it',
    [`${SERVICE}    rmlimits: []`],
    ['1.yml:4 There is no key services[0].rmlimits'],
  ],
  [
    'unknown keys deep inside, all at once',
    [
      `${SERVICE}    runtime:\n      bindNS:\n        nett: x\n    resources:\n      cpu: {share: 1}\n    mounts:\n      - typ: x`,
    ],
    [
      '1.yml:10 There is no key services[0].mounts[0].typ',
      '1.yml:8 There is no key services[0].resources.cpu.share',
      '1.yml:6 There is no key services[0].runtime.bindNS.nett',
    ],
  ],
  ['no name', ['onboot:\n  - image: x'], ['1.yml:2 onboot[0].name: expected string, but it is missing']],
  ['no image', ['onboot:\n  - name: x'], ['1.yml:2 onboot[0].image: expected string, but it is missing']],
  [
    'a mode that is a number',
    ['files:\n  - path: x\n    mode: 0644'],
    ['1.yml:3 files[0].mode: expected string, received number'],
  ],
  [
    'yes for true',
    [`${SERVICE}    readonly: yes`],
    ['1.yml:4 services[0].readonly: expected boolean, received string'],
  ],
  [
    'a number as argument',
    [`${SERVICE}    command: [sleep, 5]`],
    ['1.yml:4 services[0].command[1]: expected string, received number'],
  ],
  [
    'a number as sysctl',
    [`${SERVICE}    sysctl:\n      a.b: 1`],
    ['1.yml:5 services[0].sysctl.a.b: expected string, received number'],
  ],
  [
    'a key without value',
    [`${SERVICE}    binds:\n`],
    ['1.yml:4 services[0].binds: expected array, received null'],
  ],
  [
    'a fraction',
    [`${SERVICE}    oomScoreAdj: 1.5`],
    ['1.yml:4 services[0].oomScoreAdj: expected an integer'],
  ],
  [
    'a score that the kernel has not',
    [`${SERVICE}    oomScoreAdj: 99999999999999999999`],
    ['1.yml:4 services[0].oomScoreAdj: expected an integer from -1000 to 1000'],
  ],
  ['a list instead of a mapping', ['- a'], ['1.yml:1 the file: expected object, received array']],
  ['a service twice', [`${SERVICE}  - name: a\n    image: c`], ['1.yml:4 duplicate service name: a']],
  ['a service twice over files', [SERVICE, SERVICE], ['2.yml:2 duplicate service name: a']],
  [
    'a volume twice over files',
    ['volumes:\n  - name: v', 'volumes:\n  - name: v'],
    ['2.yml:2 duplicate volume name: v'],
  ],
  ['a bad volume name', ['volumes:\n  - name: V'], ['1.yml:2 invalid volume name: V']],
  [
    'a name that leaves the tree',
    ['onboot:\n  - name: ../x\n    image: a'],
    ['1.yml:2 "../x" cannot be the name of a container'],
  ],
  [
    'a bad kernel image',
    ['init: []\nkernel:\n  image: A B'],
    ['1.yml:3 "A B" is no image reference: "library/A B" is no repository'],
  ],
  [
    'a bad init image',
    ['init:\n  - a\n  - a@b'],
    ['1.yml:3 "a@b" is no image reference: "b" is no SHA-256 digest'],
  ],
])('%s', (_what, texts, wanted) => {
  expect(faultsOf(...texts)).toEqual(wanted);
});

test('text that begins with @ stays what it is', () => {
  const text = 'files:\n  - path: etc/crontab\n    contents: "@reboot root true"\n';
  expect(readComposition([{ file: 'f', text }]).files[0]).toMatchObject({ contents: '@reboot root true' });
});

test('an empty file is an empty composition, and old keys are taken', () => {
  expect(faultsOf('')).toEqual([]);
  expect(faultsOf('# nothing\n')).toEqual([]);
  expect(faultsOf('trust:\n  image: [a]\n  org: [b]\n')).toEqual([]);
});

const FIRST = `
kernel: {image: "linuxkit/kernel:1", cmdline: console=ttyS0, tar: none}
init: [linuxkit/init:1]
volumes: [{name: one, image: alpine}]
onboot: [{name: same, image: a}]
services: [{name: s, image: b, readonly: true, env: ["A=yes"], oomScoreAdj: 0, uid: 18446744073709551615}]
`;
const SECOND = `
kernel: {cmdline: quiet, binary: bzImage, tar: ""}
init: [localhost:5000/x:2]
volumes: [{name: two}]
onboot: [{name: same, image: c}]
files: [{path: a, contents: "no"}, {path: b, contents: "", mode: "0644"}]
`;

test('files are merged: the kernel’s values override, lists are appended', () => {
  const merged = readComposition([
    { file: 'a', text: FIRST },
    { file: 'b', text: SECOND },
  ]);
  expect(merged.kernel).toEqual({ image: 'linuxkit/kernel:1', cmdline: 'quiet', tar: '', binary: 'bzImage' });
  expect(imagesOf(merged).map(({ image }) => image)).toEqual([
    'linuxkit/kernel:1',
    'linuxkit/init:1',
    'localhost:5000/x:2',
    'alpine',
    'a',
    'c',
    'b',
  ]);
  expect(merged.volumes.map(({ name }) => name)).toEqual(['one', 'two']);
});

test('the metadata of a composition is the same composition', () => {
  const merged = readComposition([
    { file: 'a', text: FIRST },
    { file: 'b', text: SECOND },
  ]);
  const yaml = metadata(merged, 'yaml');
  expect(yaml.match(/^[a-z]+/gm)).toEqual([
    'kernel',
    'init',
    'onboot',
    'onshutdown',
    'services',
    'files',
    'volumes',
  ]);
  expect(yaml).toContain('onshutdown: []\n');
  expect(yaml).toContain('contents: "no"\n');
  expect(yaml).toContain('uid: 18446744073709551615\n');
  expect(yaml).toContain('image: docker.io/linuxkit/kernel:1\n');
  const again = readComposition([{ file: 'again', text: yaml }]);
  expect(metadata(again, 'yaml')).toBe(yaml);
  expect(JSON.parse(metadata(again, 'json'))).toMatchObject({ kernel: { cmdline: 'quiet' } });
});
