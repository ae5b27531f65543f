/** Takes busybox and kernel modules out of the tree; busybox out of the tree `busybox`, where there is one. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { resolveModules, type ModuleIndex, type ModuleToLoad } from '../../disk/kmod.ts';
import { pathMatcher } from '../../disk/path-pattern.ts';
import { copyFiles, findFiles, type TreeFile } from '../../disk/tree-files.ts';
import { OsmithError } from '../../errors.ts';
import type { StepContext } from '../types.ts';

export interface Gathered {
  /** Path in the tree of what is now `busybox` in the work directory. */
  busybox: string;
  kernelVersion: string;
  /** In the order to load them; below `modules/` in the work directory, still compressed. */
  modules: ModuleToLoad[];
}

/** openSUSE's static one has a name of its own, beside another that is not. */
const BUSYBOX = [
  'usr/bin/busybox-static',
  'usr/bin/busybox',
  'bin/busybox',
  'usr/sbin/busybox',
  'sbin/busybox',
];
const INDEXES = ['dep', 'builtin', 'softdep', 'alias'] as const;
/** `/lib` is a link to `/usr/lib` in most trees, a directory in some. */
const MODULES = /^(?:usr\/)?lib\/modules\/([^/]+)\/(.+)$/;

/** The one kernel of the tree. */
function onlyKernel(files: readonly TreeFile[]): { version: string; directory: string } {
  const found = files.filter(({ path }) => path.endsWith('/modules.dep'));
  const versions = found.map(({ path }) => MODULES.exec(path)![1]!);
  if (found.length === 1) {
    return { version: versions[0]!, directory: found[0]!.path.slice(0, -'/modules.dep'.length) };
  }
  if (found.length === 0) {
    throw new OsmithError('E_STEP', 'The tree has no kernel modules (lib/modules/VERSION/modules.dep)', {
      hint: 'Add a kernel package',
    });
  }
  throw new OsmithError('E_STEP', `The tree has several kernels: ${versions.join(', ')}`, {
    hint: 'Remove all kernel packages but one',
  });
}

async function readIndex(context: StepContext<unknown>): Promise<ModuleIndex> {
  const texts = INDEXES.map(async (name) => {
    // Only modules.dep is certain to exist.
    const text = await readFile(join(context.work, `index/modules.${name}`), 'utf8').catch(() => '');
    return [name, text] as const;
  });
  return Object.fromEntries(await Promise.all(texts)) as unknown as ModuleIndex;
}

export async function gather(context: StepContext<unknown>, wanted: readonly string[]): Promise<Gathered> {
  const tree = context.tree('root');
  const isIndex = pathMatcher(
    INDEXES.flatMap((name) => ['', 'usr/'].map((p) => `${p}lib/modules/*/modules.${name}`)),
  );
  const isBusybox = pathMatcher(BUSYBOX);
  const home = context.inputs.includes('busybox') ? context.tree('busybox') : tree;
  const files = await findFiles(context, tree, isIndex);
  const { version, directory } = onlyKernel(files);
  const candidates = await findFiles(context, home, isBusybox);
  const [busybox] = BUSYBOX.flatMap((name) => candidates.filter(({ path }) => path === name));
  if (busybox === undefined) {
    throw new OsmithError('E_STEP', `The tree has no /${BUSYBOX[0]}`, {
      hint: 'Add the package with a static busybox (Debian: busybox-static)',
    });
  }
  const indexes = files.filter(({ path }) => path.startsWith(`${directory}/`));
  const first = new Map(
    indexes.map(({ path, content }) => [content, `index/${path.slice(directory.length + 1)}`]),
  );
  await copyFiles(context, tree, first);
  await copyFiles(context, home, new Map([[busybox.content, 'busybox']]));
  const modules = resolveModules(await readIndex(context), wanted);
  const second = modules.map(({ path }) => [`${directory}/${path}`, `modules/${path}`] as const);
  await copyFiles(context, tree, new Map(second));
  return { busybox: busybox.path, kernelVersion: version, modules };
}
