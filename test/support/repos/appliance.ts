/**
 * Appliances of other families than Debian's, from their own branch of the configuration to a machine that runs: out of
 * signed repositories that the family's own tools make here, whose packages are cut out of a Debian system; and a container.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWith } from '../../../src/disk/testing.ts';
import { archPackages, fedoraPackages } from './bootable.ts';
import { pacmanRepository } from './pacman.ts';
import { rpmRepository } from './rpm.ts';
import { served, type Packaged, type Served } from './served.ts';
import type { Finished } from '../osmith.ts';

interface Appliance extends Packaged {
  /** ID of os-release. */
  id: string;
  /** Whether containers are made of them too: Arch's have a test of their own. */
  container?: true;
  /** Asks the package manager in the machine for all packages. */
  list: string;
}

export const ARCH: Appliance = {
  ...{ branch: 'arch', component: 'core', id: 'arch', list: 'pacman -Qq' },
  ...{ packages: archPackages, repository: pacmanRepository },
};

export const FEDORA: Appliance = {
  ...{ branch: 'fed', component: 'fedora', id: 'fedora', list: "rpm -qa --qf '%{NAME}\\n'" },
  ...{ packages: fedoraPackages, container: true },
  repository: (packages, root, key) =>
    rpmRepository(packages, join(root, 'releases/42/Everything/x86_64/os'), key),
};

/** What comes of a command that must work. */
async function good(command: Promise<Finished>): Promise<string> {
  const { exitCode, all } = await command;
  expect(exitCode, all).toBe(0);
  return all;
}

/** What every appliance must be under Secure Boot, and what only this family's is. */
function scenario(workspace: string, { branch, id, list }: Appliance, installed: string[]): void {
  const text = readFileSync(join(workspace, 'scenarios/secure-boot.yaml'), 'utf8');
  const end = '  - poweroff\n';
  expect(text.endsWith(end)).toBe(true);
  const all = installed.map((name) => name.replaceAll(/[.+]/g, '\\$&')).join(' ');
  const own = [
    { name: 'its os-release names the family', command: '. /etc/os-release; echo $ID', match: `^${id}$` },
    {
      name: 'its package manager knows all of its packages',
      ...{ command: `${list} | LC_ALL=C sort | tr '\\n' ' '`, match: `^${all} $` },
    },
  ].map(({ name, ...run }) => `  - ${JSON.stringify({ name, run })}\n`);
  writeFileSync(
    join(workspace, `scenarios/family-${branch}.yaml`),
    text.slice(0, -end.length) + own.join('') + end,
  );
}

/** The test of one family, in a file of its own: they take minutes. */
export function bootsAppliance(family: Appliance): void {
  const { branch, container } = family;
  describeWith(['repo-add', 'rpmbuild', 'rpmsign', 'createrepo_c', 'gpg'], `family ${branch}`, () => {
    let made: Served;

    beforeAll(async () => {
      made = await served(family);
    });
    afterAll(() => made?.close());

    test('an appliance boots under Secure Boot and takes orders', async () => {
      const out = join(made.dir, 'out');
      await good(made.build(out, '--set', 'image.formats=vmlinuz initrd raw'));
      const manifest = readFileSync(join(out, 'manifest.json'), 'utf8');
      const installed = (JSON.parse(manifest) as { packages: { name: string }[] }).packages.map(
        ({ name }) => name,
      );
      expect(installed).toEqual(expect.arrayContaining(['busybox', 'containerd', 'filesystem', 'systemd']));
      scenario(made.workspace, family, installed);
      await good(made.run('test', '--out', out, '--scenario', `family-${branch}`));
    });

    test.runIf(container)('a container passes its scenarios', async () => {
      const out = join(made.dir, 'container');
      await good(made.build(out, '--product', 'container'));
      const tested = await good(made.run('test', '--product', 'container', '--out', out));
      expect(tested).toMatch(/2 scenarios passed; in the sandbox, without a machine/);
    });
  });
}
