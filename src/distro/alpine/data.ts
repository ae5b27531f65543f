import type { DistroData } from '../types.ts';

/** Its systems are for containers only. */
export const alpineData: DistroData = {
  title: 'Alpine Linux',
  boot: {},
  notBootable:
    'its services are started by OpenRC and its C library is musl, while the hooks and the agent of machines need systemd and glibc',
};
