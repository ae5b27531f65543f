/** GRUB on a CD or a USB stick: finds the medium that it came from by a file that no other has. */
import { BIOS_SERIAL, menuEntries, type BootEntry } from './grub-config.ts';

/** That file, by the identity of the image. */
export function mediumFile(id: string): string {
  return `osmith/medium-${id}`;
}

export interface IsoEntry extends BootEntry {
  kernel: string;
  /** In this order. */
  initrds: readonly string[];
}

/** `grub.cfg`, the same on the EFI system partition and on the image itself. */
export function isoGrubConfig(id: string, entry: IsoEntry): string {
  return `# Made by Osmith.
${BIOS_SERIAL}
search --no-floppy --set=root --file /${mediumFile(id)}
${menuEntries(entry, entry)}`;
}

/** What GRUB's core for BIOS machines runs first: it cannot know whether the medium is a CD or a disk. */
export function isoEarlyConfig(id: string, directory: string): string {
  return `search.file /${mediumFile(id)} root\nset prefix=($root)/${directory}\n`;
}
