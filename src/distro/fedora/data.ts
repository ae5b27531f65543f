import { redHatBoot } from '../rpm/boot.ts';
import type { DistroData } from '../types.ts';

export const fedoraData: DistroData = { title: 'Fedora', boot: redHatBoot('fedora') };
