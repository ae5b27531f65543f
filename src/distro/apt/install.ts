/** Adds packages to a system with its own apt and dpkg, from the package files that were resolved: without network. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isForeign } from '../../run/emulation.ts';
import type { ExecOptions, StepContext, Tree } from '../../steps/types.ts';
import type { InstallParams, PackageList } from '../types.ts';
import { aptConfig } from './apt.ts';
import { writeRepository } from './bootstrap.ts';
import { aptError } from './errors.ts';
import { execTelling } from './told.ts';

/** Where the step's directories are inside the tree. */
const INSIDE = '/run/osmith';

/**
 * Runs in the tree. policy-rc.d keeps package scripts from starting services; dpkg need not sync, as a step that is
 * cut off is made again from its start.
 */
const SCRIPT = `set -eu
printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
apt-get update -q
apt-get -q -y -o Dpkg::Options::=--force-unsafe-io -o Dpkg::Use-Pty=0 install "$@"
rm /usr/sbin/policy-rc.d
# Logs hold times; the linker's cache of file stats differs from disk to disk; each machine gets an id of its own.
rm -f /etc/ssh/ssh_host_* /var/log/apt/* /var/log/*.log /var/cache/ldconfig/aux-cache /var/lib/dbus/machine-id
[ ! -e /etc/machine-id ] || : > /etc/machine-id
`;

export async function install(
  context: StepContext<InstallParams>,
  list: PackageList,
  base: Tree,
  title: string,
): Promise<void> {
  const { arch, packages } = context.params;
  await writeRepository(context.work, list, `${INSIDE}/in/packages`);
  for (const dir of ['empty.d', 'state/lists/partial', 'cache/archives/partial']) {
    await mkdir(join(context.work, 'apt', dir), { recursive: true });
  }
  await writeFile(join(context.work, 'apt', 'empty'), '');
  const config = aptConfig(`${INSIDE}/work/apt`, arch, '/var/lib/dpkg/status');
  await writeFile(join(context.work, 'apt', 'apt.conf'), config);
  await writeFile(
    join(context.work, 'apt', 'sources.list'),
    `deb [trusted=yes] file:${INSIDE}/work/repo ./\n`,
  );
  try {
    const run: ExecOptions = {
      argv: ['sh', '-c', SCRIPT, 'sh', ...packages],
      trees: { '/tree': { tree: base, writable: true } },
      chroot: '/tree',
      // The kernel packages' scripts make no initramfs when told so: ours is another one.
      env: { APT_CONFIG: `${INSIDE}/work/apt/apt.conf`, DEBIAN_FRONTEND: 'noninteractive', INITRD: 'No' },
      ...(isForeign(arch) ? { arch } : {}),
    };
    await execTelling(context, run, `${INSIDE}/work`);
  } catch (error) {
    throw aptError(error, context.params, title);
  }
}
