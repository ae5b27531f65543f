import { expect, test } from 'vitest';
import { fixes, text } from '../cli/doctor.ts';
import { freeRange, judge } from './host-checks.ts';
import { allFacts, cheapFacts, type HostFacts } from './host-facts.ts';
import { hostError, lacking } from './host.ts';
import { packageManager } from './host-packages.ts';

const PROGRAMS =
  'unshare setpriv flock mount umount pivot_root newuidmap newgidmap mmdebstrap apt-get chroot';

/** A host on which everything is there. */
const good: HostFacts = {
  user: { name: 'ann', uid: 1000 },
  node: '24.1.0',
  kernel: '6.8.0-41-generic',
  osRelease: 'NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian\n',
  sysctls: { 'user.max_user_namespaces': '63000' },
  subuid: 'ann:100000:65536\n',
  subgid: '1000:100000:65536\n',
  programs: Object.fromEntries(PROGRAMS.split(' ').map((name) => [name, `/usr/bin/${name}`])),
  keyring: true,
  store: { dir: '/home/ann/.cache/osmith', freeBytes: 2 ** 36, writable: true },
  memoryBytes: 2 ** 33,
  kvm: 'usable',
  namespace: { ok: true, output: '' },
  overlay: { ok: true, output: '' },
};

/** What is not fine, as `status name: found` and its remedies. */
function complaints(facts: Partial<HostFacts>): string[] {
  return judge({ ...good, ...facts })
    .filter(({ status }) => status !== 'ok')
    .flatMap(({ status, name, found, commands, advice }) => [
      `${status} ${name}: ${found}`,
      ...commands,
      advice ?? '-',
    ]);
}

const without = (...names: string[]) => ({
  programs: { ...good.programs, ...Object.fromEntries(names.map((name) => [name, undefined])) },
});
const refused = { ok: false, output: 'unshare: Operation not permitted' };
const root = { name: 'root', uid: 0 };

test.each<[string, Partial<HostFacts>, (string | RegExp)[]]>([
  ['all there', {}, []],
  ['root needs no subordinate ids', { user: root, subuid: '', subgid: '', ...without('newuidmap') }, []],
  [
    'no subordinate ids: the next free range is taken',
    {
      subuid: 'bob:100000:65536\nann:300000:1000\n',
      subgid: '',
      namespace: { ok: false, output: 'no range' },
    },
    [
      'missing subordinate ids: ann has no range of 65535 ids in /etc/subuid and /etc/subgid',
      'sudo usermod --add-subuids 301000-366535 --add-subgids 301000-366535 ann',
      '-',
      'warning user namespaces: not tried',
      'First mend what is missing above',
    ],
  ],
  [
    'AppArmor forbids user namespaces',
    { sysctls: { 'kernel.apparmor_restrict_unprivileged_userns': '1' }, namespace: refused },
    [
      'missing user namespaces: kernel.apparmor_restrict_unprivileged_userns is 1',
      'echo kernel.apparmor_restrict_unprivileged_userns=0 | sudo tee -a /etc/sysctl.d/60-osmith.conf && sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0',
      '-',
    ],
  ],
  [
    '... but a profile allows it here',
    { sysctls: { 'kernel.apparmor_restrict_unprivileged_userns': '1' } },
    [],
  ],
  [
    'something else forbids them',
    { namespace: refused },
    [
      'missing user namespaces: cannot be created: unshare: Operation not permitted',
      /^A container needs --security-opt/,
    ],
  ],
  [
    'Fedora without mmdebstrap and newuidmap',
    { osRelease: 'ID=fedora\n', ...without('mmdebstrap', 'newuidmap', 'newgidmap'), keyring: false },
    [
      'missing newuidmap: no newuidmap, newgidmap',
      'sudo dnf install -y shadow-utils',
      '-',
      'missing mmdebstrap: no mmdebstrap',
      'sudo dnf install -y mmdebstrap',
      '-',
      'missing archive keys: none',
      'sudo dnf install -y debian-keyring',
      '-',
    ],
  ],
  [
    'newuidmap has lost its privilege',
    { namespace: { ok: false, output: 'newuidmap failed: write to uid_map failed' } },
    [
      'missing newuidmap: newuidmap failed: write to uid_map failed',
      'sudo chmod u+s /usr/bin/newuidmap /usr/bin/newgidmap',
      '-',
      'warning user namespaces: not tried',
      'First mend what is missing above',
    ],
  ],
  [
    'an old kernel, little of everything',
    {
      kernel: '5.10.0-30-amd64',
      node: '20.1.0',
      memoryBytes: 2 ** 30,
      kvm: 'absent',
      store: { dir: '/s', freeBytes: 2 ** 30, writable: true },
    },
    [
      'missing Node: 20.1.0 is too old',
      'npm ci   # brings Node 24',
      '-',
      'missing overlay: Linux 5.10.0-30-amd64 is too old',
      'Use Linux 5.11 or newer',
      'warning store: 1.0 GiB free in /s',
      'osmith gc',
      'Or set OSMITH_STORE to a directory on a larger file system',
      'warning memory: 1.0 GiB',
      'Close other programs, or add memory',
      'warning foreign programs: Linux 5.10.0-30-amd64 cannot register emulators in a user namespace',
      'Use Linux 6.7 or newer',
      'warning KVM: no /dev/kvm: emulation is used',
      'sudo modprobe -a kvm_intel kvm_amd',
      'Virtualization may have to be enabled in the firmware first',
    ],
  ],
])('%s', (_title, facts, expected) => {
  const found = complaints(facts);
  expect(found).toHaveLength(expected.length);
  expected.forEach((line, i) =>
    expect(found[i]).toEqual(line instanceof RegExp ? expect.stringMatching(line) : line),
  );
});

test.each([
  ['ID=debian', 'apt'],
  ['ID="rocky"\nID_LIKE="rhel centos fedora"', 'dnf'],
  ['ID=manjaro\nID_LIKE=arch', 'pacman'],
  ['ID="opensuse-tumbleweed"\nID_LIKE="opensuse suse"', 'zypper'],
  ['ID=nixos', undefined],
])('package manager of %j', (osRelease, manager) => {
  expect(packageManager(osRelease)).toBe(manager);
});

test('a free range is above all that are taken, whatever the files hold', () => {
  expect(freeRange('', '\n# nothing\n')).toBe('100000-165535');
  expect(freeRange('a:100000:65536', 'b:500000:65536\n')).toBe('565536-631071');
});

test('this host: namespaces and overlay are really tried', async () => {
  const facts = await allFacts('/tmp');
  expect([facts.namespace, facts.overlay]).toEqual([
    { ok: true, output: '' },
    { ok: true, output: '' },
  ]);
  expect(lacking(judge(await cheapFacts('/tmp')))).toEqual([]);
});

test('doctor prints one line for what is fine, why and remedy for what is not', () => {
  const checks = judge({ ...good, kvm: 'denied', keyring: false });
  const lines = text(checks, (_format, plain) => plain).split('\n');
  expect(lines.slice(7, 12)).toEqual([
    '✗ archive keys      none',
    '    why: they prove that packages come from Debian',
    '    run: sudo apt-get update',
    '    run: sudo apt-get install -y debian-archive-keyring',
    '✓ store             64.0 GiB free in /home/ann/.cache/osmith',
  ]);
  expect(lines.at(-2)).toBe('This host cannot build yet. It lacks: archive keys');
});

test('fixes are the commands of what is missing, each once; root needs no sudo', () => {
  const checks = judge({ ...good, ...without('mmdebstrap', 'newuidmap'), keyring: false, kvm: 'denied' });
  expect(fixes(checks, true)).toEqual([
    'apt-get update',
    'apt-get install -y uidmap',
    'apt-get install -y mmdebstrap',
    'apt-get install -y debian-archive-keyring',
  ]);
  expect(fixes(judge({ ...good, subuid: '', subgid: '' }), false)).toEqual([
    'sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ann',
  ]);
});

test('what is missing becomes one E_HOST with the commands as hints; warnings do not', () => {
  expect(hostError(judge({ ...good, kvm: 'denied', memoryBytes: 1 }))).toBeUndefined();
  const error = hostError(judge({ ...good, ...without('mmdebstrap'), keyring: false }))!;
  expect([error.code, error.message, error.details.hint]).toEqual([
    'E_HOST',
    'mmdebstrap: no mmdebstrap (it makes the first Debian tree; all other tools are then taken from that)',
    'sudo apt-get update\nsudo apt-get install -y mmdebstrap',
  ]);
  expect(error.details.also?.map(({ message }) => message.split(':')[0])).toEqual(['archive keys']);
});
