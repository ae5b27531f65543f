/** grub-mkimage: links GRUB's core image for BIOS machines. */

/** All that grub.cfg uses: nothing is loaded from the disk later, so no module files need to lie there. */
const BIOS_MODULES = [
  ...[
    'biosdisk',
    'part_gpt',
    'fat',
    'ext2',
    'normal',
    'linux',
    'test',
    'echo',
    'loadenv',
    'configfile',
    'search',
  ],
  ...['search_fs_uuid', 'search_fs_file', 'regexp', 'probe', 'part_msdos'],
  ...['serial', 'terminal', 'all_video', 'boot', 'sleep', 'reboot', 'halt', 'ls', 'cat', 'minicmd', 'true'],
];

/**
 * `partition` is such as `gpt2` or `msdos1`; without a disk name it is one of the disk that the BIOS booted from.
 * With `normal` inside, GRUB reads grub.cfg from the prefix by itself.
 */
export function grubMkimageArgv(output: string, partition: string, directory: string): string[] {
  const prefix = `(,${partition})/${directory}`;
  return ['grub-mkimage', '-O', 'i386-pc', '-o', output, '-p', prefix, ...BIOS_MODULES];
}

/** The core for CDs, with the loader that belongs there; `config` is run first, and says where grub.cfg is. */
export function grubCdArgv(output: string, config: string, directory: string): string[] {
  const modules = [...BIOS_MODULES, 'iso9660'];
  return [
    ...['grub-mkimage', '-O', 'i386-pc-eltorito', '-o', output, '-p', `/${directory}`, '-c', config],
    ...modules,
  ];
}

/** What starts that core from a USB stick: the first sector. */
export const HYBRID_IMG = '/usr/lib/grub/i386-pc/boot_hybrid.img';

/** The first-stage loader that belongs to it, in the tools tree. */
export const BOOT_IMG = '/usr/lib/grub/i386-pc/boot.img';
