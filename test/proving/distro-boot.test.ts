/**
 * Appliances of other families than Debian's, from their own branch of the configuration to a machine that runs: out of
 * signed repositories that the family's own tools make here, whose packages are cut out of a Debian system; and a container.
 */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWith } from '../../src/disk/testing.ts';
import { removeTree } from '../../src/run/scratch.ts';
import { archPackages, fedoraPackages } from '../support/repos/bootable.ts';
import { makeKey, type SigningKey } from '../support/repos/openpgp.ts';
import type { TestPackage } from '../support/repos/packages.ts';
import { pacmanRepository } from '../support/repos/pacman.ts';
import { rpmRepository } from '../support/repos/rpm.ts';
import { osmith, REPO } from '../support/osmith.ts';
import { serve } from '../support/web-server.ts';

interface Family {
  branch: string;
  component: string;
  /** ID of os-release. */
  id: string;
  /** Whether containers are made of them too: Arch's are made with programs that Debian has not. */
  container?: true;
  /** Asks the package manager in the machine for all packages. */
  list: string;
  packages: () => Promise<TestPackage[]>;
  repository: (packages: TestPackage[], root: string, key: SigningKey) => Promise<void>;
}

const FAMILIES: Family[] = [
  {
    ...{ branch: 'arch', component: 'core', id: 'arch', list: 'pacman -Qq' },
    ...{ packages: archPackages, repository: pacmanRepository },
  },
  {
    ...{ branch: 'fed', component: 'fedora', id: 'fedora', list: "rpm -qa --qf '%{NAME}\\n'" },
    ...{ packages: fedoraPackages, container: true },
    repository: (packages, root, key) =>
      rpmRepository(packages, join(root, 'releases/42/Everything/x86_64/os'), key),
  },
];

let dir: string;
let workspace: string;
let key: SigningKey;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'osmith-test-'));
  workspace = join(dir, 'workspace');
  cpSync(join(REPO, 'workspace'), workspace, { recursive: true });
  key = await makeKey(dir, 'good');
});
afterAll(() => removeTree(dir));

/** What comes of a command that must work. */
async function good(args: string[]): Promise<string> {
  const { exitCode, all } = await osmith(['-C', workspace, ...args]);
  expect(exitCode, all).toBe(0);
  return all;
}

/** What every appliance must be under Secure Boot, and what only this family's is. */
function scenario({ branch, id, list }: Family, installed: string[]): void {
  const { text, end } = {
    text: readFileSync(join(workspace, 'scenarios/secure-boot.yaml'), 'utf8'),
    end: '  - poweroff\n',
  };
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

describeWith(['repo-add', 'rpmbuild', 'rpmsign', 'createrepo_c', 'gpg'], 'families', () => {
  test.each(FAMILIES)('$branch: built, booted under Secure Boot, takes orders', async (family) => {
    const { branch, component } = family;
    const [root, out] = [join(dir, branch), join(dir, `out-${branch}`)];
    mkdirSync(root);
    await family.repository(await family.packages(), root, key);
    const web = await serve(root);
    const set = [
      `bootstrap.mirror=${web.url}`,
      `bootstrap.keyring=${key.public}`,
      `bootstrap.components=${component}`,
    ].flatMap((option) => ['--set', option]);
    const build = (to: string, ...more: string[]) =>
      good(['build', branch, '--arch', 'amd64', '--out', to, ...set, ...more]);
    const container = join(dir, `container-${branch}`);
    try {
      await build(out, '--set', 'image.formats=vmlinuz initrd raw');
      if (family.container) await build(container, '--product', 'container');
    } finally {
      await web.close();
    }
    if (family.container) {
      const tested = await good(['test', branch, '--product', 'container', '--out', container]);
      expect(tested).toMatch(/2 scenarios passed; in the sandbox, without a machine/);
    }
    const { packages } = JSON.parse(readFileSync(join(out, 'manifest.json'), 'utf8')) as {
      packages: { name: string }[];
    };
    const installed = packages.map(({ name }) => name);
    expect(installed).toEqual(expect.arrayContaining(['busybox', 'containerd', 'filesystem', 'systemd']));
    scenario(family, installed);
    await good(['test', branch, '--out', out, '--scenario', `family-${branch}`]);
  });
});
