/** What package scripts leave behind that must not be the same on every machine, or differ from build to build. */
import { captureArguments } from '../run/layer/commit.ts';
import type { StepContext, Tree } from '../steps/types.ts';

/** Patterns of paths of any distribution that is not Debian's, whose own tools clean up. */
const LEFTOVERS = [
  // Who the machine is.
  ...['etc/ssh/ssh_host_*', 'etc/hostname', 'etc/machine-id', 'etc/resolv.conf'],
  ...['var/lib/dbus/machine-id', 'var/lib/systemd/random-seed'],
  // Times, and the builder's disk.
  ...['var/log/*.log', 'var/cache/ldconfig/aux-cache', 'etc/*-', 'etc/.pwd.lock'],
];

/** Words are patterns relative to the tree. systemd makes an identity at the first boot where the file is empty. */
const SCRIPT = `cd /tree
identity=$(test -e etc/machine-id && echo yes || true)
for pattern; do rm -rf -- $pattern; done
[ -z "$identity" ] || : > etc/machine-id
`;

/** Removes them, and what else the package manager leaves, from the tree mounted writable at /tree. */
export async function clean(context: StepContext<unknown>, tree: Tree, more: string[]): Promise<void> {
  await context.exec({
    argv: ['sh', '-euc', SCRIPT, 'sh', ...LEFTOVERS, ...more],
    trees: { '/tree': { tree, writable: true } },
  });
}

/** What every tree has before the first package: the kernel's interfaces and scratch space are mounted over these. */
const BEGIN = `mkdir -m 755 -p /tree/dev /tree/run
mkdir -m 555 -p /tree/proc /tree/sys
mkdir -m 1777 -p /tree/tmp
`;

/** The tree to begin with, mounted writable at /tree. */
export async function beginTree(context: StepContext<unknown>): Promise<Tree> {
  const tree: Tree = { layers: [] };
  await context.exec({
    argv: ['sh', '-euc', BEGIN],
    trees: { '/tree': { tree, writable: true } },
  });
  return tree;
}

/** The tree at /tree, with the metadata of its root, as one layer. */
export async function finishTree(context: StepContext<unknown>, tree: Tree): Promise<Tree> {
  context.progress('storing the tree');
  await context.exec({
    argv: captureArguments('/tree', context.epoch),
    trees: { '/tree': { tree, writable: true } },
    stdout: { file: 'root.tar' },
  });
  return context.importTar('root.tar');
}
