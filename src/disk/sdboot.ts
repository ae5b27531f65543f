/** systemd-boot: its configuration, and the menu entries that it reads (UAPI Group, Boot Loader Specification, type 1). */

/** `loader/loader.conf`. */
export function loaderConf(): string {
  return '# Made by Osmith; replaced with each image.\ntimeout 1\neditor no\n';
}

export interface LoaderEntry {
  title: string;
  /** Paths on the EFI system partition. */
  linux: string;
  initrd: string;
  options: string;
}

export function loaderEntry({ title, linux, initrd, options }: LoaderEntry): string {
  return `title ${title}\nlinux /${linux}\ninitrd /${initrd}\noptions ${options}\n`;
}

/** The kernel command line of an entry. */
export function entryOptions(text: string): string | undefined {
  return /^options\s+(.*)$/m.exec(text)?.[1]?.trim();
}
