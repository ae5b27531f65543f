/** A composed system has systems within it: of each container, with a list of its own of what is installed. */
import { installedPackages, tellsPackages, type Installed } from './databases.ts';
import { tellsLicenses, withLicenses } from './licenses.ts';
import { compareBytes } from './sources.ts';
import type { Component } from './types.ts';

/** Where the root of a container, or of a volume, is in a composed system. */
const CONTAINER = /^(containers\/(?:onboot|onshutdown|services|volumes)\/[^/]+\/(?:lower|rootfs)\/)(.+)$/;

/** The root of the system that a file belongs to, and its path there. */
function placeOf(path: string): [root: string, path: string] {
  const [, root, inner] = CONTAINER.exec(path) ?? [];
  return root === undefined ? ['', path] : [root, inner!];
}

/** Whether a file of a tree says what is installed in it, or under which licence. */
export function tells(path: string): boolean {
  const [, inner] = placeOf(path);
  return tellsPackages(inner) || tellsLicenses(inner);
}

const identity = ({ type, name, version, arch = '' }: Component) => [type, name, arch, version].join('\0');

/** What is installed in all systems of a tree, each package once. `files` by path. Throws an Error for a list that cannot be read. */
export function installedIn(files: ReadonlyMap<string, Buffer>): Installed {
  const systems = Map.groupBy(files, ([path]) => placeOf(path)[0]);
  const own = [...systems].map(([root, entries]) => {
    const inside = new Map(entries.map(([path, data]) => [placeOf(path)[1], data]));
    const { distribution, components } = installedPackages(inside);
    return { root, distribution, components: withLicenses(components, inside) };
  });
  const unique = new Map<string, Component>();
  for (const component of own.flatMap(({ components }) => components)) {
    const known = unique.get(identity(component));
    if (known?.license === undefined) unique.set(identity(component), component);
  }
  const outer = own.find(({ root }) => root === '') ?? own[0];
  const sorted = [...unique].sort(([a], [b]) => compareBytes(a, b));
  return { distribution: outer?.distribution, components: sorted.map(([, component]) => component) };
}
