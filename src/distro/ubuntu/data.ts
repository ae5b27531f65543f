import { aptBootFiles } from '../apt/boot-files.ts';
import type { DistroData } from '../types.ts';

/** Its shim lies beside the one before, its GRUBs are signed by Canonical. */
const names = { shimEnd: '.efi.signed.latest', mmEnd: '.efi', grubDir: 'EFI/ubuntu' };

export const ubuntuData: DistroData = {
  title: 'Ubuntu',
  boot: {
    amd64: aptBootFiles(names, 'x64', 'x86_64-efi'),
    arm64: aptBootFiles(names, 'aa64', 'arm64-efi'),
  },
};
