/**
 * grub.cfg of a disk whose system is deployed by OSTree. OSTree keeps a boot loader entry (Boot Loader Specification,
 * type 1) for each deployment and swaps them all at once. The GRUB that distributions sign cannot read these files,
 * and making a grub.cfg out of them needs GRUB's own tools in the system. But an entry's lines begin with words, and so
 * do GRUB's commands: with functions of the names `title`, `version` and `options`, which come first, the entry is a
 * script that starts the system. So nothing but OSTree's own swap decides what is started.
 */
import { BIOS_SERIAL, quote } from './grub-config.ts';

/** As many deployments as OSTree can have: booted, the one before, a new one, and pinned ones. */
const ENTRIES = [8, 7, 6, 5, 4, 3, 2, 1];

/** `uuid` is the root file system's. The entry with the highest number is the first choice. */
export function ostreeGrubConfig(title: string, uuid: string): string {
  return `# Made by Osmith; replaced with each image. What is started is in /boot/loader/entries of the root file system.
set timeout=1
set default=0
set fallback=1
${BIOS_SERIAL}
search --no-floppy --set=root --fs-uuid ${uuid}

function title {
  echo "Loading $* ..."
}
function version {
  true
}
# Kernel and initramfs lie in a directory that the deployment's own option names; each is alone there.
function options {
  regexp --set=1:entry_os --set=2:entry_sum 'ostree=/ostree/boot[.][01][.0-9]*/([^/ ]+)/([0-9a-f]+)/' "$*"
  set entry_dir=/boot/ostree/$entry_os-$entry_sum
  for file in $entry_dir/vmlinuz-*; do
    linux $file $*
  done
  for file in $entry_dir/initramfs-*; do
    initrd $file
  done
  boot
}

set entry_title=${quote(title)}
for number in ${ENTRIES.join(' ')}; do
  if [ -f /boot/loader/entries/ostree-$number.conf ]; then
    menuentry "$entry_title" /boot/loader/entries/ostree-$number.conf {
      source $2
    }
    set entry_title=${quote(`${title} (an earlier one)`)}
  fi
done
`;
}
