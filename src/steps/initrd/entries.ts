/** The small first archive of the initrd: what runs before the root image is mounted. */
import { CPIO_TYPE, type CpioEntry } from '../../disk/cpio.ts';
import type { ModuleToLoad } from '../../disk/kmod.ts';

export interface EarlyParts {
  /** Text of init.sh. */
  init: Buffer;
  busybox: Buffer;
  /** What init.sh learns of the build: shell variables. */
  settings: { format: string; root: string };
  modules: readonly ModuleToLoad[];
  /** Unpacked modules by name. */
  contents: ReadonlyMap<string, Buffer>;
}

const DIRECTORIES = ['bin', 'dev', 'etc', 'lib', 'lib/modules', 'proc', 'run', 'sys', 'sysroot'];

/** What `init.sh` reads line by line: module names, optional ones marked with `-`. */
export function moduleList(modules: readonly ModuleToLoad[]): string {
  return modules.map(({ name, optional }) => `${optional ? '-' : ''}${name}\n`).join('');
}

export function earlyEntries(parts: EarlyParts): CpioEntry[] {
  const directory = (name: string): CpioEntry => ({ name, mode: CPIO_TYPE.directory | 0o755 });
  const file = (name: string, mode: number, data: Buffer): CpioEntry => ({
    name,
    mode: CPIO_TYPE.file | mode,
    data,
  });
  const settings = Object.entries(parts.settings).map(([name, value]) => `${name}=${value}\n`);
  return [
    ...DIRECTORIES.map(directory),
    // The kernel opens it before it starts init.
    { name: 'dev/console', mode: CPIO_TYPE.device | 0o600, device: [5, 1] },
    file('bin/busybox', 0o755, parts.busybox),
    file('etc/modules', 0o644, Buffer.from(moduleList(parts.modules))),
    file('etc/osmith.conf', 0o644, Buffer.from(settings.join(''))),
    file('init', 0o755, parts.init),
    ...parts.modules.map(({ name }) => file(`lib/modules/${name}.ko`, 0o644, parts.contents.get(name)!)),
  ];
}

/** The second archive. The kernel makes a file that does not fit at its full size, so only a later one shows it. */
export function imageEntries(file: string, size: number): CpioEntry[] {
  return [
    { name: 'root.img', mode: CPIO_TYPE.file | 0o400, data: { file, size } },
    { name: 'complete', mode: CPIO_TYPE.file | 0o444 },
  ];
}
