/** What a container's runtime does around it (`runtime.json`), read by linuxkit's init. */
import type { JsonValue } from './json.ts';
import { specMount } from './runtime-spec.ts';
import type { ContainerConfig, Mount, Runtime } from './schema.ts';

const BINDABLE = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'user', 'uts'] as const;

function mountJson({
  destination = '',
  type = '',
  source = '',
  options = [],
  ...mappings
}: Mount): JsonValue {
  return specMount({ destination, type, source, options, ...mappings });
}

/** All keys are always there. `rootfs`: the mounts that make the container's root, which come first. */
export function runtimeConfig(
  label: ContainerConfig,
  own: ContainerConfig,
  rootfs: readonly Mount[],
): JsonValue {
  const low: Runtime = label.runtime ?? {};
  const high: Runtime = own.runtime ?? {};
  const bind = BINDABLE.map((key) => [key, high.bindNS?.[key] ?? low.bindNS?.[key] ?? '']);
  const interfaces = high.interfaces ?? low.interfaces ?? [];
  return {
    cgroups: high.cgroups ?? low.cgroups ?? [],
    mounts: [...rootfs, ...(high.mounts ?? low.mounts ?? [])].map(mountJson),
    mkdir: high.mkdir ?? low.mkdir ?? [],
    interfaces: interfaces.map(({ name, add, peer, createInRoot = false }) => ({
      ...{ name: name || undefined, add: add || undefined, peer: peer || undefined, createInRoot },
    })),
    bindNS: Object.fromEntries(bind) as Record<string, string>,
    namespace: high.namespace ?? low.namespace ?? '',
  };
}
