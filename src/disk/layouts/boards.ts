/** Disks for boards that are neither PCs nor servers: their first boot loaders look at fixed places. */
import { layoutSchema, MIB, SECTOR } from '../layout.ts';
import { DOS_ESP, DOS_LINUX, ESP_TYPE, ROOT_TYPE } from './types.ts';

const fits = { times: 1, headroom: 0, min: MIB };

/** In Debian's packages. U-Boot is the UEFI of these boards: it starts shim and GRUB from the EFI system partition. */
const U_BOOT = 'usr/lib/u-boot';

/**
 * Raspberry Pi 3 to 5: firmware and U-Boot as files on the first partition, which is the EFI system partition, too. The
 * firmware starts U-Boot as if it were a kernel.
 */
export const rpiLayout = layoutSchema.parse({
  ...{ name: 'rpi', align: MIB, arch: ['arm64'], platforms: ['rpi*'] },
  partitions: [
    { name: 'firmware', type: ESP_TYPE, size: { bytes: 512 * MIB }, contents: 'esp' },
    {
      ...{ name: 'root', type: ROOT_TYPE.arm64, size: fits, contents: 'image', grows: true },
      attributes: ['LegacyBIOSBootable'],
    },
  ],
  firmware: {
    files: { 'kernel8.img': `${U_BOOT}/rpi_arm64/u-boot.bin` },
    directories: {
      '.': [
        ...['bootcode.bin', 'start*.elf', 'fixup*.dat', 'config.txt'].map(
          (name) => `usr/lib/raspi-firmware/${name}`,
        ),
        'usr/lib/linux-image-*/broadcom/bcm2*-rpi-*.dtb',
      ],
      overlays: ['usr/lib/raspi-firmware/overlays/*.dtbo'],
    },
  },
});

/** Pinebook Pro: the processor loads idbloader.img from sector 64, and that U-Boot from sector 16384. */
const pinebook = `${U_BOOT}/pinebook-pro-rk3399`;
export const pinebookProLayout = layoutSchema.parse({
  ...{ name: 'pinebookpro', table: 'dos', align: MIB, arch: ['arm64'], platforms: ['pinebookpro'] },
  partitions: [
    {
      ...{ name: 'esp', type: DOS_ESP, start: 32768 * SECTOR, size: { bytes: 62 * MIB } },
      ...{ contents: 'esp', bootable: true },
    },
    { name: 'root', type: DOS_LINUX, size: fits, contents: 'image', grows: true },
  ],
  blobs: [
    {
      ...{ input: 'idbloader.img', source: `${pinebook}/idbloader.img` },
      ...{ start: 64 * SECTOR, max: (16384 - 64) * SECTOR },
    },
    {
      ...{ input: 'u-boot.itb', source: `${pinebook}/u-boot.itb` },
      ...{ start: 16384 * SECTOR, max: (32768 - 16384) * SECTOR },
    },
  ],
});
