/**
 * The workspace's own init, runc and containerd: a composition that uses what linuxkit's runtime promises, booted, and
 * asked from inside. Everything it is made of comes from Debian's packages, by the one command.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bootComposed, type Composed } from './support/composed.ts';
import { osmith, REPO } from './support/osmith.ts';

const PKG = join(REPO, 'workspace/pkg');

/** Texts that a container prints begin with @, so that they are not mistaken for others' on the console. */
const SYSTEM = `
kernel: {image: "@pkg:${PKG}/kernel", cmdline: "console=ttyS0"}
init: ["@pkg:${PKG}/init", "@pkg:${PKG}/runc", "@pkg:${PKG}/containerd"]
volumes:
  - {name: data}
  - {name: page, image: "@pkg:${PKG}/httpd", readonly: true}
onboot:
  - {name: sysctl, image: "@pkg:${PKG}/sysctl"}
  - {name: dhcp, image: "@pkg:${PKG}/dhcp"}
  - name: writable
    image: "@pkg:${PKG}/httpd"
    readonly: false
    capabilities: [CAP_KILL]
    binds: ["data:/data", "page:/page:ro"]
    command:
      - sh
      - -c
      - 'echo @writable; touch /x && echo "@root can be written"; grep CapEff /proc/self/status; echo one > /data/word;
        cat /page/srv/index.html; touch /page/x || echo "@page cannot be written"'
  - name: readonly
    image: "@pkg:${PKG}/httpd"
    readonly: true
    binds: ["data:/srv:ro"]
    command: [sh, -c, 'echo "@readonly reads $(cat /srv/word)"; touch /x || echo "@root cannot be written"']
  - {name: lab, image: "@pkg:${PKG}/httpd", command: [sh, -c, 'echo @lab; exit 3']}
  - name: unprepared
    image: "@pkg:${PKG}/httpd"
    command: [echo, "@never"]
    runtime: {mounts: [{type: bind, source: /nowhere, destination: /run/here, options: [bind]}]}
onshutdown:
  - {name: first, image: "@pkg:${PKG}/httpd", readonly: false, command: [echo, "@first"], binds: ["data:/data"]}
  - {name: last, image: "@pkg:${PKG}/httpd", readonly: false, command: [sh, -c, 'echo "@last reads $(cat /data/word)"'], binds: ["data:/data"]}
services:
  - {name: getty, image: "@pkg:${PKG}/getty", env: [INSECURE=true]}
  - {name: httpd, image: "@pkg:${PKG}/httpd"}
  - {name: crash, image: "@pkg:${PKG}/httpd", command: [sh, -c, 'echo "@it crashes"; exit 7']}
  - {name: lost, image: "@pkg:${PKG}/httpd", command: [/nowhere]}
  - name: probe
    image: "@pkg:${PKG}/httpd"
    readonly: true
    capabilities: []
    noNewPrivileges: true
    uid: 1234
    gid: 1235
    net: new
    uts: new
    hostname: lonely
    rlimits: ["nofile,99,99", "core,unlimited,unlimited"]
    command: [/usr/bin/busybox, sleep, "100000"]
    runtime:
      cgroups: [mine]
      mkdir: [/var/lib/probe]
      interfaces: [{name: inside, add: veth, peer: outside}]
      bindNS: {net: /run/netns/probe, uts: /run/utsns/probe}
`;

let dir = '';
let machine: Composed;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'osmith-compose-boot-'));
  writeFileSync(join(dir, 'system.yml'), SYSTEM);
  const done = await osmith([
    'compose',
    join(dir, 'system.yml'),
    '--output',
    join(dir, 'system'),
    '--format',
    'kernel+initrd',
  ]);
  expect(done.exitCode, done.all).toBe(0);
  machine = await bootComposed(join(dir, 'system'), join(dir, 'console.log'));
  // The last service: until it runs, the console has messages among what commands say.
  await machine.run('until ctr -n services.linuxkit task ls | grep -q "probe .*RUNNING"; do sleep 1; done');
});

afterAll(async () => {
  await machine?.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** The process of a service. */
async function pid(service: string): Promise<string> {
  return (
    await machine.run(`ctr -n services.linuxkit task ls | awk '$1 == "${service}" { print $2 }'`)
  ).trim();
}

test('onboot containers run one after the other, with what each is allowed', () => {
  const said = machine
    .console()
    .split('\n')
    .map((line) => line.trim());
  const wanted = [
    'eth0 has 10.0.2.15/24',
    '@writable',
    '@root can be written',
    'CapEff:\t0000000000000020',
    '@page cannot be written',
    '@readonly reads one',
    '@root cannot be written',
    '@lab',
    'onboot 004-lab: ended with 3',
    'onboot 005-unprepared: could not be prepared',
  ];
  expect(said.filter((line) => wanted.includes(line))).toEqual(wanted);
  expect(machine.console()).toContain('<title>A composed system</title>');
});

test('the machine is set up: sysctl, network, name server', async () => {
  expect(await machine.run('cat /proc/sys/kernel/panic')).toBe('30');
  expect(await machine.run('cat /etc/resolv.conf')).toBe('nameserver 10.0.2.3');
  expect(await machine.run('ip -4 route')).toContain('default via 10.0.2.2 dev eth0');
});

test('services run in the namespace services.linuxkit; one that ends stays as it is', async () => {
  const list = await machine.run('ctr -n services.linuxkit task ls');
  const tasks = [...list.matchAll(/^(\w+) +\d+ +([A-Z]+) *$/gm)].map(
    ([, name, status]) => `${name} ${status}`,
  );
  expect(tasks.sort()).toEqual(['crash STOPPED', 'getty RUNNING', 'httpd RUNNING', 'probe RUNNING']);
  expect(machine.console()).toContain('service lost: could not be started');
  expect(machine.console()).not.toContain('@never');
  expect(await machine.run('cat /var/log/crash.log')).toBe('@it crashes');
  expect(await machine.run('wget -qO- http://127.0.0.1/')).toContain('It runs.');
});

test('ids, limits, capabilities and namespaces of a service', async () => {
  const probe = await pid('probe');
  const status = await machine.run(`cat /proc/${probe}/status`);
  expect(status).toMatch(/^Uid:\t1234\t1234\t1234\t1234$/m);
  expect(status).toMatch(/^Gid:\t1235\t1235\t1235\t1235$/m);
  expect(status).toMatch(/^CapBnd:\t0{16}$/m);
  expect(status).toMatch(/^NoNewPrivs:\t1$/m);
  const limits = await machine.run(`cat /proc/${probe}/limits`);
  expect(limits).toMatch(/^Max open files +99 +99 /m);
  expect(limits).toMatch(/^Max core file size +unlimited +unlimited /m);
  const links = await machine.run(
    `for ns in net ipc; do for pid in 1 ${probe}; do readlink /proc/$pid/ns/$ns; done; done`,
  );
  const [hostNet, net, hostIpc, ipc] = links.split('\n');
  expect(net).not.toBe(hostNet);
  expect(ipc).toBe(hostIpc);
});

test('what runtime.json asks for: interfaces, bound namespaces, directories, control groups', async () => {
  expect(await machine.run('nsenter --net=/run/netns/probe ip link')).toMatch(/inside@/);
  expect(await machine.run('ip link')).toMatch(/outside@/);
  expect(await machine.run('nsenter --uts=/run/utsns/probe hostname')).toBe('lonely');
  await machine.run('test -d /var/lib/probe && test -d /sys/fs/cgroup/mine');
});

test('the configuration that runs is that of the composition', async () => {
  const dir = '/run/containerd/io.containerd.runtime.v2.task/services.linuxkit/probe';
  const run = JSON.parse(await machine.run(`cat ${dir}/config.json`)) as Record<string, unknown>;
  const written = JSON.parse(await machine.run('cat /containers/services/probe/config.json')) as Record<
    string,
    unknown
  >;
  expect(run).toMatchObject({
    ...written,
    root: { path: '/containers/services/probe/rootfs', readonly: true },
  });
  expect(run).toMatchObject({ hostname: 'lonely', process: { user: { uid: 1234, gid: 1235 } } });
});

test('onshutdown containers run, and the machine switches itself off', async () => {
  await machine.powerOff();
  const said = machine.console().slice(machine.console().lastIndexOf('@END'));
  expect(said).toMatch(/@first[^]*@last reads one[^]*reboot: Power down/);
  expect(said).not.toContain('ended with');
});
