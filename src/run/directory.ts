import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (info) => info.isDirectory(),
    () => false,
  );
}

/** `mkdir -p`, for paths that users give: Node's own never returns where the kernel makes no directories, as in /proc. */
export async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const parent = dirname(path);
    if (code === 'ENOENT' && !(await isDirectory(parent))) {
      await makeDirectory(parent);
      await makeDirectory(path);
    } else if (!(await isDirectory(path))) throw error;
  }
}
