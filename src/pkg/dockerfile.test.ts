import { expect, test } from 'vitest';
import { emulatedStages, findBases, renameBases } from './bases.ts';
import { argWords, expandVariables, parseDockerfile } from './dockerfile.ts';
import type { OsmithError } from '../errors.ts';

const CROSS = `# syntax=x
ARG TAG=1
ARG REPO="acme"
FROM --platform=$BUILDPLATFORM \${REPO}/cross:\${TAG} AS build-cross
ARG TARGETARCH
RUN --mount=type=bind,from=acme/tools:2,target=/t \\
    # a comment between
    make ARCH=\${TARGETARCH}
FROM acme/native:1 AS build-native
RUN make <<EOF
FROM here/document:1
EOF
FROM build-cross AS unused
COPY --from=not/there:1 / /
FROM scratch
COPY --from=build-cross /out /
COPY --from=acme/files:3 /x /
`;

function bases(text: string, target = 'arm64', given: [string, string][] = []) {
  const file = parseDockerfile(text, 'Dockerfile');
  return { file, found: findBases(file, new Map(given), { build: 'amd64', target }) };
}

test('only what the last stage needs counts, each image for the platform of its stage', () => {
  const { found } = bases(CROSS);
  expect(
    found.images.map(({ reference, arch, instruction }) => `${reference} ${arch} ${instruction.first}`),
  ).toEqual(['acme/cross:1 amd64 4', 'acme/tools:2 amd64 6', 'acme/files:3 arm64 17']);
  expect(emulatedStages(found, 'amd64')).toEqual([]);
});

test('a native build for another machine is emulated where it runs programs', () => {
  const { found } = bases(CROSS.replace('--from=build-cross /out', '--from=build-native /out'));
  expect(emulatedStages(found, 'amd64').map(({ stage }) => stage.name)).toEqual(['build-native']);
  const native = bases(CROSS.replace('--from=build-cross /out', '--from=build-native /out'), 'amd64');
  expect(emulatedStages(native.found, 'amd64')).toEqual([]);
});

test('build arguments choose stages and images', () => {
  const text = 'ARG KIND=a\nFROM x:1 AS stage-a\nFROM y:1 AS stage-b\nFROM stage-${KIND}\n';
  expect(bases(text).found.images.map(({ reference }) => reference)).toEqual(['x:1']);
  expect(bases(text, 'arm64', [['KIND', 'b']]).found.images.map(({ reference }) => reference)).toEqual([
    'y:1',
  ]);
  const undeclared = 'FROM x:${TAG:-2}\n';
  expect(bases(undeclared, 'arm64', [['TAG', '3']]).found.images[0]!.reference).toBe('x:2');
});

test('images get other names, where they stand', () => {
  const { file, found } = bases(CROSS);
  const lines = renameBases(file, found, ['id0', 'id1', 'id2']).split('\n');
  expect(lines.filter((line, i) => line !== file.lines[i])).toEqual([
    'FROM --platform=$BUILDPLATFORM id0 AS build-cross',
    'RUN --mount=type=bind,from=id1,target=/t \\',
    'FROM scratch AS build-native',
    'FROM scratch AS unused',
    'COPY --from=id2 /x /',
  ]);
});

test.each<[string, string]>([
  ['$A-${A}', '1-1'],
  ['${B:-x$A}', 'x1'],
  ['${E-x}${E:-y}', 'y'],
  ['${A:+yes}${B:+no}${E+set}', 'yesset'],
  ['\\$A $B', '$A '],
])('variables: %s', (text, wanted) => {
  const values = new Map([
    ['A', '1'],
    ['E', ''],
  ]);
  expect(expandVariables(text, values)).toBe(wanted);
});

test('words of ARG', () => {
  expect(argWords(`A B=1 C="two words" D='it"s'`)).toEqual([
    { name: 'A', value: undefined },
    { name: 'B', value: '1' },
    { name: 'C', value: 'two words' },
    { name: 'D', value: 'it"s' },
  ]);
});

test.each<[string, string, string]>([
  ['no FROM', '# nothing\n', '1 The Dockerfile has no FROM'],
  ['too early', 'ARG A\nRUN x\nFROM y\n', '2 RUN comes before the first FROM'],
  ['no image', 'FROM x AS\n', '1 FROM x AS names no image'],
  ['empty tag', 'FROM x:$TAG\n', '1 x:$TAG names no image'],
  [
    'a stage that comes later',
    'FROM scratch\nCOPY --from=1 / /\nFROM scratch\nCOPY --from=0 / /\n',
    '2 There is no stage 1',
  ],
  ['a platform', 'FROM --platform=windows/amd64 x\n', '1 "windows/amd64" is no platform'],
])('bad: %s', (_what, text, wanted) => {
  try {
    bases(text);
  } catch (error) {
    const { message, details } = error as OsmithError;
    expect(`${details.where?.line} ${message}`).toBe(wanted);
    return;
  }
  expect.unreachable();
});
