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
  ...['search_fs_uuid', 'regexp'],
  ...['serial', 'terminal', 'all_video', 'boot', 'sleep', 'reboot', 'halt', 'ls', 'cat', 'minicmd', 'true'],
];

/**
 * `(,gptN)` without a disk name means partition N of the disk that the BIOS booted from.
 * With `normal` inside, GRUB reads grub.cfg from the prefix by itself.
 */
export function grubMkimageArgv(output: string, espNumber: number, directory: string): string[] {
  const prefix = `(,gpt${espNumber})/${directory}`;
  return ['grub-mkimage', '-O', 'i386-pc', '-o', output, '-p', prefix, ...BIOS_MODULES];
}

/** The first-stage loader that belongs to it, in the tools tree. */
export const BOOT_IMG = '/usr/lib/grub/i386-pc/boot.img';
