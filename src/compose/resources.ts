/** Limits of a control group and devices, in the names and order of the OCI runtime specification. */
import { OsmithError, type Where } from '../errors.ts';
import type { JsonValue } from './json.ts';
import type { Device, IdMapping, Resources } from './schema.ts';

type Members = { [key: string]: JsonValue | undefined };

/** Some keys of an object, in this order. */
function pick<T extends object>(value: T, keys: readonly (keyof T & string)[]): Members {
  return Object.fromEntries(keys.map((key) => [key, value[key] as JsonValue | undefined]));
}

function list<T>(items: readonly T[] | undefined, one: (item: T) => JsonValue): JsonValue | undefined {
  return items === undefined || items.length === 0 ? undefined : items.map(one);
}

const THROTTLES = [
  'throttleReadBpsDevice',
  'throttleWriteBpsDevice',
  'throttleReadIOPSDevice',
  'throttleWriteIOPSDevice',
] as const;

function blockIo(given: NonNullable<Resources['blockio']>): Members {
  const devices = list(given.weightDevice, (device) => ({
    ...{ major: device.major ?? 0, minor: device.minor ?? 0 },
    ...pick(device, ['weight', 'leafWeight']),
  }));
  const throttles = THROTTLES.map((key) => [
    key,
    list(given[key], ({ major = 0, minor = 0, rate = 0 }) => ({ major, minor, rate })),
  ]);
  return {
    ...pick(given, ['weight', 'leafWeight']),
    weightDevice: devices,
    ...(Object.fromEntries(throttles) as Members),
  };
}

export interface CgroupDevice {
  allow: boolean;
  type?: string | undefined;
  major?: number | bigint | undefined;
  minor?: number | bigint | undefined;
  access?: string | undefined;
}

/** `devices` are added to those of the resources. */
export function specResources(given: Resources, devices: readonly CgroupDevice[]): Members {
  const { memory, cpu, pids, blockio, hugepageLimits, network } = given;
  const all = [...(given.devices ?? []).map((each) => ({ ...each, allow: each.allow ?? false })), ...devices];
  return {
    devices: list(all, (each) => ({
      allow: each.allow,
      type: each.type || undefined,
      ...pick(each, ['major', 'minor']),
      access: each.access || undefined,
    })),
    memory:
      memory &&
      pick(memory, [
        ...(['limit', 'reservation', 'swap', 'kernel', 'kernelTCP'] as const),
        ...(['swappiness', 'disableOOMKiller'] as const),
      ]),
    cpu: cpu && {
      ...pick(cpu, ['shares', 'quota', 'period', 'realtimeRuntime', 'realtimePeriod']),
      ...{ cpus: cpu.cpus || undefined, mems: cpu.mems || undefined },
    },
    pids: pids && { limit: pids.limit ?? 0 },
    blockIO: blockio && blockIo(blockio),
    hugepageLimits: list(hugepageLimits, ({ pageSize = '', limit = 0 }) => ({
      ...{ pageSize: String(pageSize), limit },
    })),
    network: network && {
      classID: network.classID,
      priorities: list(network.priorities, ({ name = '', priority = 0 }) => ({ name, priority })),
    },
  };
}

export function specMappings(mappings: readonly IdMapping[] | undefined): JsonValue | undefined {
  return list(mappings, ({ containerID = 0, hostID = 0, size = 0 }) => ({ containerID, hostID, size }));
}

function fileMode(mode: string | undefined, where: Where | undefined): number {
  if (mode !== undefined && /^[0-7]{1,10}$/.test(mode)) return parseInt(mode, 8);
  throw new OsmithError(
    'E_COMPOSE',
    `cannot parse device mode as octal value: ${JSON.stringify(mode ?? '')}`,
    {
      where,
      hint: 'Write octal digits between quotes, such as mode: "0666"',
    },
  );
}

export interface SpecDevices {
  nodes: JsonValue[];
  cgroup: CgroupDevice[];
}

/** Device nodes to make, and leave to use them. The path `all` gives leave for a type and makes nothing. */
export function specDevices(
  devices: readonly Device[],
  where: (i: number) => Where | undefined,
): SpecDevices {
  const made: SpecDevices = { nodes: [], cgroup: [] };
  devices.forEach(({ path = '', type = '', major = 0, minor = 0, mode }, i) => {
    if (path === 'all') {
      made.cgroup.push({ allow: true, type, access: 'rwm' });
      return;
    }
    made.nodes.push({ path, type, major, minor, fileMode: fileMode(mode, where(i)) });
    made.cgroup.push({ allow: true, type, major, minor, access: 'rwm' });
  });
  return made;
}
