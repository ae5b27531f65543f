import { redHatBoot } from '../rpm/boot.ts';
import type { DistroData } from '../types.ts';

export const almalinuxData: DistroData = {
  title: 'AlmaLinux',
  boot: redHatBoot('almalinux'),
  noBusybox: true,
};
