/** How to install what a host lacks, in the words of its own package manager. Data and pure functions. */

export type PackageManager = 'apt' | 'dnf' | 'pacman' | 'zypper';

/** What Osmith needs from the host, apart from the kernel. */
export type Need = 'mmdebstrap' | 'uidmap' | 'util-linux' | 'keyring';

/** Commands that install a package without asking; the first ones make its list of packages current. */
const INSTALL: Record<PackageManager, string[]> = {
  apt: ['apt-get update', 'apt-get install -y'],
  dnf: ['dnf install -y'],
  pacman: ['pacman -Sy --needed --noconfirm'],
  zypper: ['zypper --non-interactive install'],
};

/** Package names; absent where a distribution has none. */
const PACKAGES: Record<Need, Partial<Record<PackageManager, string>>> = {
  mmdebstrap: { apt: 'mmdebstrap', dnf: 'mmdebstrap' },
  uidmap: { apt: 'uidmap', dnf: 'shadow-utils', pacman: 'shadow', zypper: 'shadow' },
  'util-linux': { apt: 'util-linux', dnf: 'util-linux', pacman: 'util-linux', zypper: 'util-linux' },
  keyring: { apt: 'debian-archive-keyring', dnf: 'debian-keyring', pacman: 'debian-archive-keyring' },
};

const ELSEWHERE: Partial<Record<Need, string>> = {
  mmdebstrap: 'Your distribution has no package of mmdebstrap: it is one Perl script, on its project page',
  keyring:
    'Your distribution has no package of Debian’s keys: take them from Debian’s debian-archive-keyring',
};

const FAMILIES: [PackageManager, string[]][] = [
  ['apt', ['debian', 'ubuntu']],
  ['dnf', ['fedora', 'rhel', 'centos']],
  ['pacman', ['arch']],
  ['zypper', ['suse', 'opensuse']],
];

/** The package manager that goes with the text of /etc/os-release. */
export function packageManager(osRelease: string): PackageManager | undefined {
  const ids = [...osRelease.matchAll(/^(?:ID|ID_LIKE)="?([^"\n]*)"?$/gm)].flatMap(([, value]) =>
    value!.split(' '),
  );
  return FAMILIES.find(([, family]) => ids.some((id) => family.includes(id)))?.[0];
}

/** What mends a fault: commands to run as they are, or advice where no command can do it. */
export interface Remedy {
  commands: string[];
  advice?: string;
}

export function installRemedy(need: Need, manager: PackageManager | undefined): Remedy {
  if (manager === undefined) return advise(`Install ${need} with your distribution’s package manager`);
  const name = PACKAGES[need][manager];
  if (name === undefined) return advise(ELSEWHERE[need]!);
  const [install = '', ...before] = INSTALL[manager].toReversed();
  return { commands: [...before, `${install} ${name}`].map((command) => `sudo ${command}`) };
}

export function advise(advice: string): Remedy {
  return { commands: [], advice };
}
