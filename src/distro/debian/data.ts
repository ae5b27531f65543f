import { aptBootFiles } from '../apt/boot-files.ts';
import type { DistroData } from '../types.ts';

const names = { shimEnd: '.efi.signed', mmEnd: '.efi.signed', grubDir: 'EFI/debian' };

export const debianData: DistroData = {
  title: 'Debian',
  boot: {
    amd64: aptBootFiles(names, 'x64', 'x86_64-efi'),
    arm64: aptBootFiles(names, 'aa64', 'arm64-efi'),
  },
};
