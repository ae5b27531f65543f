/** Where Arch Linux keeps what boots a machine. It signs neither boot loaders nor kernels. */
import type { DistroData } from '../types.ts';

export const archData: DistroData = {
  title: 'Arch Linux',
  boot: {
    amd64: {
      vmlinuz: 'usr/lib/modules/*/vmlinuz',
      exclude: ['boot/*', 'usr/lib/modules/*/vmlinuz'],
    },
  },
};
