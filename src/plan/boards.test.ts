/** Disks for boards, from the files of a tree to what their first boot loaders read. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { loadConfig } from '../config/index.ts';
import { SECTOR } from '../disk/layout.ts';
import { fatImage } from '../disk/mtools.ts';
import { describeWith, run } from '../disk/testing.ts';
import { runStep, treeOf, type StepRun } from '../steps/testing.ts';
import { makePlan } from './index.ts';

const WORKSPACE = join(import.meta.dirname, '../../workspace');
const DTBS = 'usr/lib/linux-image-6.12-arm64/broadcom';
const FIRMWARE = 'usr/lib/raspi-firmware';
const PINEBOOK = 'usr/lib/u-boot/pinebook-pro-rk3399';

/** Files under the names of Debian's packages; each holds its own path. */
function tree(...paths: string[]) {
  const loaders = [
    ...['boot/vmlinuz-6.12-arm64', 'usr/lib/shim/shimaa64.efi.signed', 'usr/lib/shim/mmaa64.efi.signed'],
    'usr/lib/grub/arm64-efi-signed/grubaa64.efi.signed',
  ];
  return treeOf([...loaders, ...paths].map((path) => ({ path, content: path })));
}

/** The disk as the plan makes it of the tree. */
async function diskOf(platform: string, root: ReturnType<typeof tree>): Promise<StepRun> {
  const attributes = { product: 'desktop', arch: 'arm64', platform };
  const { steps } = makePlan(loadConfig({ workspace: WORKSPACE, attributes, set: [] }));
  const [files, disk] = ['package/boot-files', 'package/disk'].map((id) =>
    steps.find((step) => step.id === id)!,
  );
  const taken = await runStep('extract', files!.params, { root });
  // Any file stands for the root file system, whose maker tells GRUB where it is.
  const filesystem = { ...taken.result, facts: { uuid: '01234567-89ab-4cde-8f01-23456789abcd' } };
  const inputs = Object.keys(disk!.inputs).map((output) => [
    output,
    output === 'root' ? { result: filesystem, output: 'grub' } : { result: taken.result, output },
  ]);
  return runStep('disk', disk!.params, Object.fromEntries(inputs) as never, { store: taken.store });
}

function espOf(disk: string, sector: number): { names: string[]; read: (name: string) => string } {
  const image = fatImage(disk, sector * SECTOR);
  const env = { MTOOLS_SKIP_CHECK: '1' };
  const listed = run(['mdir', '-b', '-/', '-i', image, '::'], { env }).stdout.split('\n');
  return {
    names: listed.filter((name) => name !== '' && !name.endsWith('/')).sort(),
    read: (name) => run(['mcopy', '-i', image, `::${name}`, '-'], { env }).stdout,
  };
}

describeWith(['sfdisk', 'sgdisk', 'mkfs.vfat', 'mcopy', 'mdir', 'dd'], 'a disk', () => {
  it('for Raspberry Pi has firmware, device trees and U-Boot beside shim and GRUB', async () => {
    const root = tree(
      ...['bootcode.bin', 'config.txt', 'start4.elf', 'start.elf', 'fixup4.dat', 'fixup.dat'].map(
        (name) => `${FIRMWARE}/${name}`,
      ),
      ...[`${FIRMWARE}/overlays/one.dtbo`, `${FIRMWARE}/overlays/README.md`],
      ...[`${DTBS}/bcm2711-rpi-4-b.dtb`, `${DTBS}/bcm2837-rpi-3-b.dtb`, `${DTBS}/other.dtb`],
      'usr/lib/u-boot/rpi_arm64/u-boot.bin',
    );
    const disk = await diskOf('rpi', root);
    expect(run(['sgdisk', '-v', disk.files['raw']!]).stdout).toContain('No problems found');
    const { names, read } = espOf(disk.files['raw']!, 2048);
    expect(names).toEqual([
      ...['::/EFI/BOOT/BOOTAA64.EFI', '::/EFI/BOOT/grubaa64.efi', '::/EFI/BOOT/mmaa64.efi'],
      '::/EFI/debian/grub.cfg',
      ...['::/bcm2711-rpi-4-b.dtb', '::/bcm2837-rpi-3-b.dtb', '::/bootcode.bin', '::/config.txt'],
      ...['::/fixup.dat', '::/fixup4.dat', '::/kernel8.img', '::/overlays/one.dtbo'],
      ...['::/start.elf', '::/start4.elf'],
    ]);
    expect(read('kernel8.img')).toBe('usr/lib/u-boot/rpi_arm64/u-boot.bin');
    expect(read('overlays/one.dtbo')).toBe(`${FIRMWARE}/overlays/one.dtbo`);
    expect(read('EFI/BOOT/BOOTAA64.EFI')).toBe('usr/lib/shim/shimaa64.efi.signed');
  });

  it('for Pinebook Pro has U-Boot where the processor looks, and shim and GRUB where U-Boot looks', async () => {
    const disk = await diskOf('pinebookpro', tree(`${PINEBOOK}/idbloader.img`, `${PINEBOOK}/u-boot.itb`));
    const raw = disk.files['raw']!;
    const content = readFileSync(raw);
    for (const [name, sector] of [
      ['idbloader.img', 64],
      ['u-boot.itb', 16384],
    ] as const) {
      const path = Buffer.from(`${PINEBOOK}/${name}`);
      expect(content.subarray(sector * SECTOR, sector * SECTOR + path.length).equals(path)).toBe(true);
    }
    expect(run(['sfdisk', '--verify', raw])).toMatchObject({ status: 0 });
    const { names } = espOf(raw, 32768);
    expect(names).toContain('::/EFI/BOOT/BOOTAA64.EFI');
    const zip = await runStep(
      'boot-zip',
      {},
      { raw: { result: disk.result, output: 'raw' } },
      { store: disk.store },
    );
    const listed = run(['unzip', '-Z1', zip.files['file']!]).stdout;
    expect(listed).toContain('disk/idbloader.img\ndisk/u-boot.itb\nplaces.json\n');
  });
});

it('says which firmware is not in the tree', async () => {
  await expect(diskOf('rpi', tree())).rejects.toMatchObject({
    code: 'E_STEP',
    message: expect.stringContaining(
      'The tree has no file /usr/lib/u-boot/rpi_arm64/u-boot.bin (for kernel8.img)',
    ) as string,
    details: { hint: 'Add the package that contains it' },
  });
});
