/** Linux capabilities of a container. */
import { OsmithError, type Where } from '../errors.ts';

/** In the order of their numbers (linux/capability.h). */
export const CAPABILITIES = [
  ...['CHOWN', 'DAC_OVERRIDE', 'DAC_READ_SEARCH', 'FOWNER', 'FSETID', 'KILL', 'SETGID', 'SETUID', 'SETPCAP'],
  ...[
    'LINUX_IMMUTABLE',
    'NET_BIND_SERVICE',
    'NET_BROADCAST',
    'NET_ADMIN',
    'NET_RAW',
    'IPC_LOCK',
    'IPC_OWNER',
  ],
  ...[
    'SYS_MODULE',
    'SYS_RAWIO',
    'SYS_CHROOT',
    'SYS_PTRACE',
    'SYS_PACCT',
    'SYS_ADMIN',
    'SYS_BOOT',
    'SYS_NICE',
  ],
  ...[
    'SYS_RESOURCE',
    'SYS_TIME',
    'SYS_TTY_CONFIG',
    'MKNOD',
    'LEASE',
    'AUDIT_WRITE',
    'AUDIT_CONTROL',
    'SETFCAP',
  ],
  ...['MAC_OVERRIDE', 'MAC_ADMIN', 'SYSLOG', 'WAKE_ALARM', 'BLOCK_SUSPEND', 'AUDIT_READ', 'PERFMON', 'BPF'],
  'CHECKPOINT_RESTORE',
].map((name) => `CAP_${name}`);

/** A single `all` or `none` stands for a list. */
function expand(names: readonly string[], where: Where | undefined): string[] {
  const word = names.length === 1 ? names[0]!.toLowerCase() : undefined;
  if (word === 'none') return [];
  if (word === 'all') return CAPABILITIES;
  const unknown = names.find((name) => !CAPABILITIES.includes(name));
  if (unknown === undefined) return [...names];
  throw new OsmithError('E_COMPOSE', `unknown capability: ${unknown}`, {
    where,
    hint: 'Names begin with CAP_ and are in capital letters; a single `all` stands for every one',
  });
}

export interface CapabilitySets {
  bounding: string[] | undefined;
  effective: string[] | undefined;
  inheritable: string[] | undefined;
  permitted: string[] | undefined;
  ambient: string[] | undefined;
}

/** The sets of a process; those that are empty are left out. Nothing is in a set twice. */
export function capabilitySets(
  effective: readonly string[],
  ambient: readonly string[],
  where: Where | undefined,
): CapabilitySets {
  const own = [...new Set(expand(effective, where))];
  const passed = [...new Set(expand(ambient, where))];
  const bounding = [...new Set([...own, ...passed])].sort();
  const unlessEmpty = (set: string[]) => (set.length === 0 ? undefined : set);
  return {
    bounding: unlessEmpty(bounding),
    effective: unlessEmpty(own),
    inheritable: unlessEmpty(bounding),
    permitted: unlessEmpty(bounding),
    ambient: unlessEmpty(passed),
  };
}
