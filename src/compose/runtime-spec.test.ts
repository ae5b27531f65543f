import { expect, test } from 'vitest';
import { describeWith, run } from '../disk/testing.ts';
import type { OsmithError } from '../errors.ts';
import type { ImageConfig } from '../oci/types.ts';
import { CAPABILITIES } from './capabilities.ts';
import { readComposition } from './composition.ts';
import { allocateIds } from './ids.ts';
import { goJson } from './json.ts';
import { labelConfig, LABEL, runtimeSpec } from './runtime-spec.ts';
import { runtimeConfig } from './runtime-config.ts';

/** What the tests look at. */
interface Spec {
  process: {
    user: unknown;
    args: string[];
    env?: string[];
    cwd: string;
    oomScoreAdj?: number;
    capabilities: Record<string, string[]>;
  };
  root: unknown;
  mounts: { destination: string; type: string; source: string; options: string[] }[];
  linux: { namespaces: unknown; devices: unknown; resources: { devices: unknown }; uidMappings: unknown };
}

interface Given {
  /** Lines of the service, at their indentation. */
  yaml?: string;
  label?: unknown;
  image?: Record<string, unknown>;
  /** Before the services. */
  before?: string;
}

function requestFor({ yaml = '', label, image = {}, before = '' }: Given) {
  const lines = yaml.split('\n').map((line) => `    ${line}`);
  const text = `${before}\nservices:\n  - name: s\n    image: i\n${lines.join('\n')}\n`;
  const composition = readComposition([{ file: 'f.yml', text }]);
  const labels =
    label === undefined ? {} : { [LABEL]: typeof label === 'string' ? label : JSON.stringify(label) };
  const plain = { Entrypoint: [], Cmd: [], Env: [], WorkingDir: '', Labels: labels, ...image };
  const config = {
    architecture: 'amd64',
    os: 'linux',
    config: plain,
    rootfs: { diff_ids: [] },
  } as ImageConfig;
  return {
    container: composition.services.at(-1)!,
    ...{ label: labelConfig(config, 'i'), image: config },
    ...{ volumes: composition.volumes, ids: allocateIds(composition) },
  };
}

function specOf(given: Given): Spec {
  return JSON.parse(goJson(runtimeSpec(requestFor(given)))) as Spec;
}

function textOf(given: Given): string {
  return goJson(runtimeSpec(requestFor(given)));
}

function faultOf(given: Given): string {
  try {
    textOf(given);
  } catch (error) {
    const { message, details } = error as OsmithError;
    return `${details.where?.line ?? details.where?.file} ${message}`;
  }
  return '';
}

test('the least of all configurations, to the byte', () => {
  expect(textOf({ image: { Cmd: ['/bin/<x>&'] } }).split('"mounts"')[0]).toBe(`{
    "ociVersion": "1.2.1",
    "process": {
        "user": {
            "uid": 0,
            "gid": 0
        },
        "args": [
            "/bin/\\u003cx\\u003e\\u0026"
        ],
        "cwd": "/",
        "capabilities": {}
    },
    "root": {
        "path": "rootfs"
    },
    `);
});

test('image, label and file in rising order; what is given empty removes', () => {
  const image = { Entrypoint: ['e'], Cmd: ['c'], Env: ['A=1'], WorkingDir: '/w' };
  const label = { command: ['l'], env: ['B=2'], cwd: '/l', binds: ['/a:/a'], oomScoreAdj: -5 };
  expect(specOf({ image }).process).toMatchObject({ args: ['e', 'c'], env: ['A=1'], cwd: '/w' });
  expect(specOf({ image, label }).process).toMatchObject({
    args: ['l'],
    env: ['B=2'],
    cwd: '/l',
    oomScoreAdj: -5,
  });
  const own = specOf({ image, label, yaml: 'command: [y]\nenv: []\ncwd: /y\nbinds: []\noomScoreAdj: 0' });
  expect(own.process).toMatchObject({ args: ['y'], cwd: '/y', oomScoreAdj: 0 });
  expect(own.process.env).toBeUndefined();
  expect(own.mounts.map((mount) => mount.destination)).not.toContain('/a');
});

test('a label may be YAML, and is checked like a file', () => {
  expect(specOf({ label: 'readonly: true\nnet: new' }).root).toEqual({ path: 'rootfs', readonly: true });
  expect(faultOf({ label: { name: 'x' } })).toMatch(/name cannot be set in metadata label/);
  expect(faultOf({ label: { comand: [] } })).toMatch(/There is no key comand/);
  expect(faultOf({ label: '[1]' })).toMatch(/expected object/);
});

test('additions go to the label’s list; a list of one’s own replaces both', () => {
  const label = { binds: ['/a:/a'], capabilities: ['CAP_KILL'] };
  const added = specOf({ label, yaml: 'binds.add: ["/b:/b"]\ncapabilities.add: [CAP_CHOWN, CAP_KILL]' });
  const destinations = added.mounts.map((mount) => mount.destination);
  expect(destinations).toEqual(expect.arrayContaining(['/a', '/b']));
  // linuxkit keeps CAP_KILL twice in the effective set.
  expect(added.process.capabilities.effective).toEqual(['CAP_KILL', 'CAP_CHOWN']);
  expect(added.process.capabilities.bounding).toEqual(['CAP_CHOWN', 'CAP_KILL']);
  const own = specOf({ label, yaml: 'binds: ["/c:/c"]\nbinds.add: ["/b:/b"]' });
  expect(own.mounts.map((mount) => mount.destination)).not.toContain('/b');
});

test('capabilities', () => {
  expect(CAPABILITIES).toHaveLength(41);
  const all = specOf({ yaml: 'capabilities: [ALL]\nambient: [CAP_KILL]' }).process.capabilities;
  expect(all.effective).toEqual(CAPABILITIES);
  expect(all.permitted).toEqual([...CAPABILITIES].sort());
  expect(all.ambient).toEqual(['CAP_KILL']);
  expect(
    specOf({ label: { capabilities: ['all'] }, yaml: 'capabilities: [none]' }).process.capabilities,
  ).toEqual({});
  expect(faultOf({ yaml: 'capabilities: [CAP_X]' })).toBe('5 unknown capability: CAP_X');
});

test('limits keep all their digits, hard before soft', () => {
  const text = textOf({
    yaml: 'rlimits: ["nofile,1024,unlimited", " rlimit_cpu , 9007199254740993 , UNLIMITED"]',
  });
  expect(text).toContain(
    '"type": "RLIMIT_NOFILE",\n                "hard": 18446744073709551615,\n                "soft": 1024',
  );
  expect(text).toContain('"soft": 9007199254740993');
  expect(faultOf({ yaml: 'rlimits: ["nofile,1"]' })).toBe('5 cannot parse rlimit: nofile,1');
  // linuxkit prints an empty name here.
  expect(faultOf({ yaml: 'rlimits: ["files,1,2"]' })).toBe('5 unknown limit: files');
  expect(faultOf({ yaml: 'rlimits: ["nofile,1,18446744073709551616"]' })).toMatch(
    /cannot parse .* as uint64/,
  );
});

test('mounts: the last for a destination counts, sorted', () => {
  const yaml = [
    'tmpfs: ["/dev:mode=700", "/z"]',
    'binds: ["/src:/b", "/src:/c:ro", "/src:/d:rshared,rbind"]',
    'mounts: [{type: bind, source: /x, destination: /b}, {source: mqueue}, {type: proc, options: [ro]}]',
  ].join('\n');
  const { mounts } = specOf({ yaml });
  const destinations = mounts.map((mount) => mount.destination);
  expect(destinations).toEqual([
    '/b',
    '/c',
    '/d',
    '/dev',
    '/dev/mqueue',
    '/dev/pts',
    '/proc',
    '/sys',
    '/sys/fs/cgroup',
    '/z',
  ]);
  const by = (destination: string) => mounts.find((mount) => mount.destination === destination);
  expect(by('/b')).toEqual({ destination: '/b', type: 'bind', source: '/x' });
  expect(by('/c')!.options).toEqual(['ro', 'rbind']);
  expect(by('/d')!.options).toEqual(['rshared', 'rbind', 'rbind']);
  expect(by('/dev')!.options).toEqual(['mode=700']);
  expect(by('/proc')!.options).toEqual(['ro']);
  expect(by('/dev/mqueue')!.type).toBe('mqueue');
  expect(specOf({ yaml: 'readonly: true' }).mounts[0]!.options.at(-1)).toBe('ro');
});

test.each([
  ['tmpfs: ["/a:b:c"]', "5 cannot parse tmpfs, too many ':': /a:b:c"],
  ['binds: [/a]', "5 cannot parse bind, missing ':': /a"],
  ['binds: ["/a:/b:c:d"]', "5 cannot parse bind, too many ':': /a:/b:c:d"],
  ['mounts: [{destination: /a}]', '5 mount for destination /a is missing type'],
  ['mounts: [{type: tmpfs}]', '5 mount type tmpfs is missing destination'],
  ['devices: [{path: /dev/x, type: c, mode: "9"}]', '5 cannot parse device mode as octal value: "9"'],
  ['devices: [{path: /dev/x, type: c}]', '5 cannot parse device mode as octal value: ""'],
  ['uid: nobody', '5 cannot find id: nobody'],
  ['gid: -1', '5 -1 is no user or group id'],
  ['binds: ["v:/v"]', '5 volume v not found in s'],
])('%s is refused with its line', (yaml, message) => {
  expect(faultOf({ yaml })).toBe(message);
});

test('namespaces', () => {
  const types = (yaml: string) => specOf({ yaml }).linux.namespaces;
  expect(types('')).toEqual([{ type: 'pid' }, { type: 'mount' }]);
  expect(types('net: none\nipc: new\nuts: /run/uts\npid: host\nuserns: new')).toEqual([
    ...[{ type: 'network' }, { type: 'ipc' }, { type: 'uts', path: '/run/uts' }],
    ...[{ type: 'user' }, { type: 'mount' }],
  ]);
});

test('ids are counted from 100 over all containers; the last of a name counts', () => {
  const before =
    'onboot: [{name: a, image: i}, {name: b, image: i}, {name: a, image: i}]\nonshutdown: [{name: c, image: i}]';
  const { user } = specOf({ before, yaml: 'uid: a\ngid: s\nadditionalGids: [root, c, 7, ""]' }).process;
  expect(user).toEqual({ uid: 102, gid: 104, additionalGids: [0, 103, 7, 0] });
});

test('devices give leave to use them', () => {
  const yaml =
    'devices: [{path: all, type: b}, {path: /dev/x, type: c, major: 1, minor: 0, mode: "0666"}]\nresources: {devices: [{allow: false, access: rwm}]}';
  const { linux } = specOf({ yaml });
  expect(linux.devices).toEqual([{ path: '/dev/x', type: 'c', major: 1, minor: 0, fileMode: 438 }]);
  expect(linux.resources.devices).toEqual([
    { allow: false, access: 'rwm' },
    { allow: true, type: 'b', access: 'rwm' },
    { allow: true, type: 'c', major: 1, minor: 0, access: 'rwm' },
  ]);
});

test('keys with capitals have an effect, which linuxkit’s reader loses', () => {
  const yaml = [
    'resources:',
    '  memory: {limit: 9007199254740993, kernelTCP: 1, disableOOMKiller: true}',
    '  cpu: {realtimeRuntime: 2, cpus: "0-1"}',
    '  blockio: {leafWeight: 3, throttleReadBpsDevice: [{major: 8, rate: 4}]}',
    '  hugepageLimits: [{pageSize: 2MB, limit: 5}]',
    '  network: {classID: 6, priorities: [{name: eth0, priority: 7}]}',
    'uidMappings: [{hostID: 8, containerID: 0, size: 9}]',
  ].join('\n');
  expect(textOf({ yaml })).toContain('"limit": 9007199254740993');
  const { linux } = specOf({ yaml });
  expect(linux.resources).toMatchObject({
    memory: { kernelTCP: 1, disableOOMKiller: true },
    cpu: { realtimeRuntime: 2, cpus: '0-1' },
    blockIO: { leafWeight: 3, throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 4 }] },
    hugepageLimits: [{ pageSize: '2MB', limit: 5 }],
    network: { classID: 6, priorities: [{ name: 'eth0', priority: 7 }] },
  });
  expect(linux.uidMappings).toEqual([{ containerID: 0, hostID: 8, size: 9 }]);
});

test('volumes stand for paths, read-only ones only read-only', () => {
  const before = 'volumes: [{name: v}, {name: r, readonly: true}]';
  const mounts = specOf({
    before,
    yaml: 'binds: ["v:/v", "r:/r:ro,noexec"]\nmounts: [{type: bind, source: v, destination: /m, options: [bind]}]',
  }).mounts;
  const source = (destination: string) => mounts.find((mount) => mount.destination === destination)!.source;
  expect([source('/v'), source('/r'), source('/m')]).toEqual([
    ...['/containers/volumes/v/merged', '/containers/volumes/r/merged', '/containers/volumes/v/merged'],
  ]);
  for (const options of ['', ':rw', ':ro,rw', ':noexec']) {
    expect(faultOf({ before, yaml: `binds: ["r:/r${options}"]` })).toMatch(/volume r is read-only/);
  }
});

test('the runtime’s part always has all keys', () => {
  const { container, label } = requestFor({
    label: { runtime: { cgroups: ['a'], bindNS: { net: '/run/a' }, mkdir: ['x'] } },
    yaml: 'runtime: {mkdir: [], bindNS: {pid: /run/b}, interfaces: [{name: eth0, createInRoot: true}, {add: veth}]}',
  });
  expect(JSON.parse(goJson(runtimeConfig(label, container, [])))).toEqual({
    ...{ cgroups: ['a'], mounts: [], mkdir: [], namespace: '' },
    interfaces: [
      { name: 'eth0', createInRoot: true },
      { add: 'veth', createInRoot: false },
    ],
    bindNS: { cgroup: '', ipc: '', mnt: '', net: '/run/a', pid: '/run/b', user: '', uts: '' },
  });
});

test('text and keys are written as Go writes them', () => {
  const value = new Map([
    ['10', 'a\u2028b\u2029'],
    ['9', '\u0001\u001f\u007f\ud800'],
    ['é', '<>&"\\/'],
    ['z', ''],
  ]);
  expect(goJson(value)).toBe(
    '{\n    "10": "a\\u2028b\\u2029",\n    "9": "\\u0001\\u001f\u007f\ufffd",\n    "z": "",\n    "é": "\\u003c\\u003e\\u0026\\"\\\\/"\n}',
  );
  expect(goJson([[], {}, [1n, true, null]])).toBe(
    '[\n    [],\n    {},\n    [\n        1,\n        true,\n        null\n    ]\n]',
  );
});

const GO = `package main
import ("encoding/json"; "fmt"; "os")
func main() {
  var v map[string]string
  if err := json.NewDecoder(os.Stdin).Decode(&v); err != nil { panic(err) }
  out, _ := json.MarshalIndent(v, "", "    ")
  fmt.Print(string(out))
}
`;

describeWith(['go'], 'JSON', () => {
  test('is Go’s, to the byte', { timeout: 120_000 }, () => {
    const chars = Array.from({ length: 0x300 }, (_, i) => String.fromCharCode(i)).filter(
      (char) => !'\b\f'.includes(char),
    );
    const value = Object.fromEntries(chars.map((char) => [`${char}é`, `<${char}>\u2028😀`]));
    const env = { HOME: '/tmp', GO111MODULE: 'off' };
    const program = run(['sh', '-c', 'd=$(mktemp -d) && cat > "$d/a.go" && echo "$d"'], {
      input: GO,
    }).stdout.trim();
    const ran = run(['go', 'run', `${program}/a.go`], { input: JSON.stringify(value), env });
    run(['rm', '-r', program]);
    expect(ran.stdout).toBe(goJson(new Map(Object.entries(value))));
  });
});
