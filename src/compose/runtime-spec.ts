/**
 * The OCI runtime configuration of a container (`config.json`), from three sources in rising order: the image's own
 * configuration, its label `org.mobyproject.config`, and the composition.
 */
import type { Where } from '../errors.ts';
import type { ImageConfig } from '../oci/types.ts';
import { capabilitySets } from './capabilities.ts';
import { numericId } from './ids.ts';
import type { JsonValue } from './json.ts';
import { parseRlimit } from './limits.ts';
import { containerMounts, type SpecMount } from './mounts.ts';
import { specDevices, specMappings, specResources } from './resources.ts';
import { checkLabel, type Container, type ContainerConfig, type Volume } from './schema.ts';
import { withVolumePaths } from './volumes.ts';
import { parseYaml, whereOf } from './yaml.ts';

const VERSION = '1.2.1';
export const LABEL = 'org.mobyproject.config';

/** The label of an image as configuration; an image without it has an empty one. */
export function labelConfig(config: ImageConfig, image: string): ContainerConfig {
  const text = config.config?.Labels[LABEL] ?? '';
  if (text === '') return {};
  const file = `label ${LABEL} of ${image}`;
  return checkLabel(parseYaml(text, file), file);
}

/** All that a container's files are made from. */
export interface ContainerRequest {
  container: Container;
  label: ContainerConfig;
  image: ImageConfig;
  volumes: readonly Volume[];
  ids: ReadonlyMap<string, number>;
}

/** What the composition gives counts, even when it is empty; else what the label gives. */
function assign<K extends keyof ContainerConfig>(
  key: K,
  label: ContainerConfig,
  own: ContainerConfig,
): ContainerConfig[K] {
  return own[key] ?? label[key];
}

/** A list, or additions to that of the label. */
function assignWithAdditions(
  key: 'binds' | 'capabilities',
  label: ContainerConfig,
  own: ContainerConfig,
): readonly string[] {
  return own[key] ?? [...(label[key] ?? []), ...(own[`${key}.add`] ?? [])];
}

function unlessEmpty<T>(items: readonly T[] | undefined): readonly T[] | undefined {
  return items === undefined || items.length === 0 ? undefined : items;
}

function mapUnlessEmpty(record: Record<string, string> | undefined): ReadonlyMap<string, string> | undefined {
  const entries = Object.entries(record ?? {});
  return entries.length === 0 ? undefined : new Map(entries);
}

type NamespaceKey = 'net' | 'ipc' | 'uts' | 'pid' | 'userns';

const NAMESPACES: { key: NamespaceKey; type: string; fallback: string; fresh: string[] }[] = [
  { key: 'net', type: 'network', fallback: 'root', fresh: ['new', 'none'] },
  { key: 'ipc', type: 'ipc', fallback: 'root', fresh: ['new'] },
  { key: 'uts', type: 'uts', fallback: 'root', fresh: ['new'] },
  { key: 'pid', type: 'pid', fallback: 'new', fresh: ['new'] },
  { key: 'userns', type: 'user', fallback: 'root', fresh: ['new'] },
];

/** `host` and `root` are the machine's own, `new` a fresh one, else it is the path of one that exists. */
function namespaces(label: ContainerConfig, own: ContainerConfig): JsonValue[] {
  const chosen = NAMESPACES.flatMap(({ key, type, fallback, fresh }): JsonValue[] => {
    const name = own[key] || label[key] || fallback;
    if (name === 'host' || name === 'root') return [];
    return [fresh.includes(name) ? { type } : { type, path: name }];
  });
  return [...chosen, { type: 'mount' }];
}

export function specMount(mount: SpecMount): JsonValue {
  return {
    destination: mount.destination,
    type: mount.type || undefined,
    source: mount.source || undefined,
    options: unlessEmpty(mount.options),
    uidMappings: specMappings(mount.uidmappings),
    gidMappings: specMappings(mount.gidmappings),
  };
}

function user(request: ContainerRequest, own: ContainerConfig): JsonValue {
  const { label, ids, container } = request;
  const groups = assign('additionalGids', label, own);
  return {
    uid: numericId(assign('uid', label, own), ids, whereOf(container, 'uid')),
    gid: numericId(assign('gid', label, own), ids, whereOf(container, 'gid')),
    additionalGids: unlessEmpty(
      groups?.map((group) => numericId(group, ids, whereOf(container, 'additionalGids'))),
    ),
  };
}

function processSpec(request: ContainerRequest, own: ContainerConfig): JsonValue {
  const { label, image, container } = request;
  const { Entrypoint = [], Cmd = [], Env = [], WorkingDir = '' } = image.config ?? {};
  const capabilities = assignWithAdditions('capabilities', label, own);
  const where = whereOf(container, 'capabilities');
  const rlimits = assign('rlimits', label, own) ?? [];
  return {
    user: user(request, own),
    args: unlessEmpty(own.command ?? label.command ?? [...Entrypoint, ...Cmd]),
    env: unlessEmpty(own.env ?? label.env ?? Env),
    cwd: own.cwd || label.cwd || WorkingDir || '/',
    capabilities: { ...capabilitySets(capabilities, assign('ambient', label, own) ?? [], where) },
    rlimits: unlessEmpty(
      rlimits.map((text, i) => {
        const { type, hard, soft } = parseRlimit(text, whereOf(rlimits, i) ?? whereOf(container, 'rlimits'));
        return { type, hard, soft };
      }),
    ),
    noNewPrivileges: assign('noNewPrivileges', label, own) || undefined,
    oomScoreAdj: assign('oomScoreAdj', label, own),
  };
}

function linuxSpec({ label, container }: ContainerRequest, own: ContainerConfig): JsonValue {
  const given = assign('devices', label, own) ?? [];
  const where = (i: number): Where | undefined => whereOf(given[i], 'mode') ?? whereOf(container, 'devices');
  const devices = specDevices(given, where);
  return {
    uidMappings: specMappings(assign('uidMappings', label, own)),
    gidMappings: specMappings(assign('gidMappings', label, own)),
    sysctl: mapUnlessEmpty(assign('sysctl', label, own)),
    resources: specResources(assign('resources', label, own) ?? {}, devices.cgroup),
    cgroupsPath: assign('cgroupsPath', label, own) || undefined,
    namespaces: namespaces(label, own),
    devices: unlessEmpty(devices.nodes),
    rootfsPropagation: assign('rootfsPropagation', label, own) || undefined,
    maskedPaths: unlessEmpty(assign('maskedPaths', label, own)),
    readonlyPaths: unlessEmpty(assign('readonlyPaths', label, own)),
  };
}

/** Whether the root file system of a container cannot be written. */
export function isReadOnly({ container, label }: ContainerRequest): boolean {
  return assign('readonly', label, container) ?? false;
}

/** The configuration as it is written. Throws E_COMPOSE, with the line, for values that mean nothing. */
export function runtimeSpec(request: ContainerRequest): JsonValue {
  const { container, label } = request;
  const own = withVolumePaths(container, request.volumes);
  const readonly = isReadOnly(request);
  const mounts = containerMounts({
    readonly,
    tmpfs: assign('tmpfs', label, own) ?? [],
    binds: assignWithAdditions('binds', label, own),
    mounts: assign('mounts', label, own) ?? [],
    where:
      ['binds', 'binds.add', 'mounts', 'tmpfs'].flatMap((key) => {
        return Object.hasOwn(container, key) ? [whereOf(container, key)] : [];
      })[0] ?? whereOf(container, 'name'),
  });
  return {
    ociVersion: VERSION,
    process: processSpec(request, own),
    root: { path: 'rootfs', readonly: readonly || undefined },
    hostname: own.hostname || label.hostname || undefined,
    mounts: mounts.map(specMount),
    annotations: mapUnlessEmpty(assign('annotations', label, own)),
    linux: linuxSpec(request, own),
  };
}
