/** Judges the facts about a host: what is there, what is missing, why it matters, and the commands that mend it. Pure. */
import { SYSCTLS, UTIL_LINUX, type HostFacts } from './host-facts.ts';
import { advise, installRemedy, packageManager, type Need, type Remedy } from './host-packages.ts';
import { subordinateRange } from './namespace.ts';

export interface HostCheck extends Remedy {
  name: string;
  /** `warning`: builds work, but not everything, or slowly. */
  status: 'ok' | 'warning' | 'missing';
  /** What was found. */
  found: string;
  /** Why it matters. */
  why: string;
}

type Verdict = Omit<HostCheck, 'name' | 'why'>;

const GIB = 2 ** 30;
/** Below these a build of the default variant gets into trouble. */
const FREE_WANTED = 8 * GIB;
const MEMORY_WANTED = 2 * GIB;

const CHECKS: { name: string; why: string; judge: (facts: HostFacts) => Verdict }[] = [
  { name: 'Node', why: 'Osmith is TypeScript that Node 24 runs directly', judge: node },
  {
    name: 'util-linux',
    why: 'its programs make the namespaces that steps run in, and locks',
    judge: utilLinux,
  },
  {
    name: 'subordinate ids',
    why: 'the files of an image belong to up to 65536 users, which an ordinary user can only have this way',
    judge: subordinateIds,
  },
  { name: 'newuidmap', why: 'an ordinary user needs it to use the subordinate ids', judge: idMapTools },
  {
    name: 'user namespaces',
    why: 'every step runs in its own, so that no step needs root',
    judge: namespaces,
  },
  {
    name: 'overlay',
    why: 'trees are made of layers that the kernel’s overlay file system puts together',
    judge: overlay,
  },
  {
    name: 'mmdebstrap',
    why: 'it makes the first Debian tree; all other tools are then taken from that',
    judge: mmdebstrap,
  },
  { name: 'archive keys', why: 'they prove that packages come from Debian', judge: keyring },
  {
    name: 'store',
    why: 'trees and images are kept there; the first build needs several gigabytes',
    judge: store,
  },
  { name: 'memory', why: 'virtual machines and compressors want it', judge: memory },
  { name: 'foreign programs', why: 'images of another architecture are built by emulation', judge: foreign },
  { name: 'KVM', why: 'virtual machines run several times faster with it', judge: kvm },
];

/** All checks, in an order in which the first failure is the one to mend first. */
export function judge(facts: HostFacts): HostCheck[] {
  return CHECKS.map(({ name, why, judge: judgeOne }) => ({ name, why, ...judgeOne(facts) }));
}

function ok(found: string): Verdict {
  return { status: 'ok', found, commands: [] };
}

function missing(found: string, remedy: Remedy): Verdict {
  return { status: 'missing', found, ...remedy };
}

function warning(found: string, remedy: Remedy): Verdict {
  return { status: 'warning', found, ...remedy };
}

const NOT_TRIED = warning('not tried', advise('First mend what is missing above'));

function run(...commands: string[]): Remedy {
  return { commands };
}

function install(facts: HostFacts, need: Need): Remedy {
  return installRemedy(need, packageManager(facts.osRelease));
}

function absent(facts: HostFacts, names: string[]): string[] {
  return names.filter((name) => facts.programs[name] === undefined);
}

function node({ node }: HostFacts): Verdict {
  return Number.parseInt(node) >= 24
    ? ok(node)
    : missing(`${node} is too old`, run('npm ci   # brings Node 24'));
}

function utilLinux(facts: HostFacts): Verdict {
  const lacking = absent(facts, UTIL_LINUX);
  return lacking.length === 0
    ? ok('all programs found')
    : missing(`no ${lacking.join(', ')}`, install(facts, 'util-linux'));
}

function subordinateIds({ user, subuid, subgid }: HostFacts): Verdict {
  if (user.uid === 0) return ok('not needed by root');
  const lacking = Object.entries({ subuid, subgid })
    .filter(([, text]) => subordinateRange(text, user.name, user.uid) === undefined)
    .map(([file]) => file);
  if (lacking.length === 0) return ok(`${user.name} has them`);
  const ranges = lacking.map((file) => `--add-${file}s ${freeRange(subuid, subgid)}`);
  return missing(
    `${user.name} has no range of 65535 ids in ${lacking.map((file) => `/etc/${file}`).join(' and ')}`,
    run(`sudo usermod ${ranges.join(' ')} ${user.name}`),
  );
}

/** The first 65536 ids above every range that is taken. */
export function freeRange(...texts: string[]): string {
  const ends = texts
    .flatMap((text) => text.split('\n'))
    .map((line) => line.split(':').slice(1).map(Number))
    .map(([start = 0, count = 0]) => start + count);
  const start = Math.max(100_000, ...ends.filter(Number.isFinite));
  return `${start}-${start + 65_535}`;
}

function idMapTools(facts: HostFacts): Verdict {
  if (facts.user.uid === 0) return ok('not needed by root');
  const lacking = absent(facts, ['newuidmap', 'newgidmap']);
  if (lacking.length > 0) return missing(`no ${lacking.join(', ')}`, install(facts, 'uidmap'));
  const output = facts.namespace?.output ?? '';
  if (!/^new[ug]idmap failed/.test(output)) return ok(facts.programs['newuidmap']!);
  return missing(output, run('sudo chmod u+s /usr/bin/newuidmap /usr/bin/newgidmap'));
}

/** The kernel settings that forbid user namespaces to this user, as commands that allow them. */
function blockingSettings({ user, sysctls }: HostFacts): { found: string[]; commands: string[] } {
  const [clone, apparmor, max] = SYSCTLS.map((name) => sysctls[name]);
  const wanted: [string, string][] = [];
  if (user.uid !== 0 && clone === '0') wanted.push([SYSCTLS[0]!, '1']);
  if (user.uid !== 0 && apparmor === '1') wanted.push([SYSCTLS[1]!, '0']);
  if (max === '0') wanted.push([SYSCTLS[2]!, '63531']);
  return {
    found: wanted.map(([name]) => `${name} is ${sysctls[name]}`),
    commands: wanted.map(([name, value]) => keepSetting(name, value)),
  };
}

/** Sets it now and at every boot. */
function keepSetting(name: string, value: string): string {
  return `echo ${name}=${value} | sudo tee -a /etc/sysctl.d/60-osmith.conf && sudo sysctl -w ${name}=${value}`;
}

function namespaces(facts: HostFacts): Verdict {
  const { namespace } = facts;
  if (namespace?.ok === true) return ok('can be created');
  const { found, commands } = blockingSettings(facts);
  if (found.length > 0) return missing(found.join(', '), { commands });
  if ([utilLinux, subordinateIds, idMapTools].some((needed) => needed(facts).status !== 'ok')) {
    return NOT_TRIED;
  }
  if (namespace === undefined) return ok('no setting forbids them');
  return missing(
    `cannot be created: ${namespace.output}`,
    advise(
      'A container needs --security-opt seccomp=unconfined --security-opt apparmor=unconfined --cap-add SYS_ADMIN; ' +
        'elsewhere, a security module or the kernel’s configuration (CONFIG_USER_NS) forbids them',
    ),
  );
}

function overlay({ overlay, kernel, store }: HostFacts): Verdict {
  if (!atLeast(kernel, 5, 11))
    return missing(`Linux ${kernel} is too old`, advise('Use Linux 5.11 or newer'));
  if (overlay === undefined) return NOT_TRIED;
  if (overlay.ok) return ok('can be mounted in a user namespace');
  return missing(`cannot be mounted in a user namespace: ${overlay.output}`, {
    commands: ['sudo modprobe overlay'],
    advice: `Or ${store.dir} is on a file system that cannot hold layers: set OSMITH_STORE to a directory on ext4, XFS or btrfs`,
  });
}

function mmdebstrap(facts: HostFacts): Verdict {
  const lacking = absent(facts, ['mmdebstrap', 'apt-get']);
  if (lacking.length === 0) return ok(facts.programs['mmdebstrap']!);
  return missing(`no ${lacking.join(', ')}`, install(facts, 'mmdebstrap'));
}

function keyring(facts: HostFacts): Verdict {
  return facts.keyring ? ok('Debian’s keys are installed') : missing('none', install(facts, 'keyring'));
}

function store({ store: { dir, freeBytes, writable } }: HostFacts): Verdict {
  const free = `${(freeBytes / GIB).toFixed(1)} GiB free in ${dir}`;
  if (!writable)
    return missing(`${dir} cannot be written`, advise('Set OSMITH_STORE to a directory of your own'));
  if (freeBytes >= FREE_WANTED) return ok(free);
  return warning(free, {
    commands: ['osmith gc'],
    advice: 'Or set OSMITH_STORE to a directory on a larger file system',
  });
}

function memory({ memoryBytes }: HostFacts): Verdict {
  const found = `${(memoryBytes / GIB).toFixed(1)} GiB`;
  return memoryBytes >= MEMORY_WANTED
    ? ok(found)
    : warning(found, advise('Close other programs, or add memory'));
}

function foreign({ kernel }: HostFacts): Verdict {
  if (atLeast(kernel, 6, 7)) return ok(`Linux ${kernel}`);
  return warning(
    `Linux ${kernel} cannot register emulators in a user namespace`,
    advise('Use Linux 6.7 or newer'),
  );
}

function kvm({ kvm, user }: HostFacts): Verdict {
  if (kvm === 'usable') return ok('/dev/kvm can be opened');
  if (kvm === 'absent') {
    return warning('no /dev/kvm: emulation is used', {
      commands: ['sudo modprobe -a kvm_intel kvm_amd'],
      advice: 'Virtualization may have to be enabled in the firmware first',
    });
  }
  return warning(
    `${user.name} may not open /dev/kvm: emulation is used`,
    run(`sudo usermod --append --groups kvm ${user.name}   # then log in again`),
  );
}

function atLeast(kernel: string, major: number, minor: number): boolean {
  const [a = 0, b = 0] = kernel.split(/[.-]/).map(Number);
  return a > major || (a === major && b >= minor);
}
