/** The mounts of a container: what every one has, then tmpfs, binds and mounts, the last for a destination counts. */
import { OsmithError, type Where } from '../errors.ts';
import type { Mount } from './schema.ts';

export interface SpecMount {
  destination: string;
  type: string;
  source: string;
  options: string[];
  uidmappings?: Mount['uidmappings'];
  gidmappings?: Mount['gidmappings'];
}

export interface MountRequest {
  readonly: boolean;
  tmpfs: readonly string[];
  binds: readonly string[];
  mounts: readonly Mount[];
  where: Where | undefined;
}

function fault(message: string, where: Where | undefined, hint: string): OsmithError {
  return new OsmithError('E_COMPOSE', message, { where, hint });
}

/** Those that Docker makes too, without /dev/shm and /dev/mqueue. */
function defaults(readonly: boolean): SpecMount[] {
  const ro = readonly ? ['ro'] : [];
  const kernel = (destination: string, type: string, options: string[]): SpecMount => {
    return { destination, type, source: type, options };
  };
  return [
    kernel('/proc', 'proc', ['nosuid', 'nodev', 'noexec', 'relatime']),
    kernel('/dev', 'tmpfs', ['nosuid', 'strictatime', 'mode=755', 'size=65536k', ...ro]),
    kernel('/dev/pts', 'devpts', ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620']),
    kernel('/sys', 'sysfs', ['nosuid', 'noexec', 'nodev', ...ro]),
    kernel('/sys/fs/cgroup', 'cgroup', ['nosuid', 'noexec', 'nodev', 'relatime', 'ro']),
  ];
}

function tmpfs(text: string, where: Where | undefined): SpecMount {
  const [destination = '', options, ...more] = text.split(':');
  if (more.length > 0) {
    throw fault(`cannot parse tmpfs, too many ':': ${text}`, where, 'Write DESTINATION[:OPTION,OPTION]');
  }
  return { destination, type: 'tmpfs', source: 'tmpfs', options: options?.split(',') ?? [] };
}

function bind(text: string, where: Where | undefined): SpecMount {
  const [source = '', destination, options, ...more] = text.split(':');
  const hint = 'Write SOURCE:DESTINATION[:OPTION,OPTION]';
  if (destination === undefined) throw fault(`cannot parse bind, missing ':': ${text}`, where, hint);
  if (more.length > 0) throw fault(`cannot parse bind, too many ':': ${text}`, where, hint);
  const given = options === undefined ? ['rw', 'rbind', 'rshared'] : [...options.split(','), 'rbind'];
  return { destination, type: 'bind', source, options: given };
}

const NAMED_BY_SOURCE = ['mqueue', 'devpts', 'proc', 'sysfs', 'cgroup'];

const DESTINATIONS: Record<string, string> = {
  proc: '/proc',
  devpts: '/dev/pts',
  sysfs: '/sys',
  cgroup: '/sys/fs/cgroup',
  mqueue: '/dev/mqueue',
};

/** Fills in what is left out where that can mean only one thing. */
function mount(given: Mount, where: Where | undefined): SpecMount {
  const { source = '', options = [], uidmappings, gidmappings } = given;
  const implied = NAMED_BY_SOURCE.includes(source) ? source : given.destination === '/dev' ? 'tmpfs' : '';
  const type = given.type || implied;
  if (type === '') {
    throw fault(`mount for destination ${given.destination ?? ''} is missing type`, where, 'Give it a type');
  }
  const destination = given.destination || DESTINATIONS[type];
  if (destination === undefined) {
    throw fault(`mount type ${type} is missing destination`, where, 'Give it a destination');
  }
  const mappings = { ...(uidmappings && { uidmappings }), ...(gidmappings && { gidmappings }) };
  return { destination, type, source: source || type, options, ...mappings };
}

/** Sorted by destination, so that a mount comes before those inside it. */
export function containerMounts(request: MountRequest): SpecMount[] {
  const { readonly, where } = request;
  const all = [
    ...defaults(readonly),
    ...request.tmpfs.map((text) => tmpfs(text, where)),
    ...request.binds.map((text) => bind(text, where)),
    ...request.mounts.map((each) => mount(each, where)),
  ];
  const last = new Map(all.map((each) => [each.destination, each]));
  return [...last.values()].sort((a, b) =>
    Buffer.compare(Buffer.from(a.destination), Buffer.from(b.destination)),
  );
}
