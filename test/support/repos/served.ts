/** A family's branch of the configuration as users build it, with packages from a signed repository that is made here. */
import { cpSync, mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeTree } from '../../../src/run/scratch.ts';
import { osmith, REPO, type Finished } from '../osmith.ts';
import { serve } from '../web-server.ts';
import { makeKey, type SigningKey } from './openpgp.ts';
import type { TestPackage } from './packages.ts';

export interface Served {
  dir: string;
  workspace: string;
  /** `osmith COMMAND` of the branch. */
  run: (command: string, ...more: string[]) => Promise<Finished>;
  /** `osmith build` out of the repository. */
  build: (out: string, ...more: string[]) => Promise<Finished>;
  close: () => Promise<void>;
}

export interface Packaged {
  branch: string;
  /** The one repository, where not all that the branch has are there. */
  component?: string;
  packages: () => Promise<TestPackage[]>;
  repository: (packages: TestPackage[], root: string, key: SigningKey) => Promise<void>;
}

export async function served({ branch, component, packages, repository }: Packaged): Promise<Served> {
  const dir = mkdtempSync(join(tmpdir(), 'osmith-test-'));
  const workspace = join(dir, 'workspace');
  cpSync(join(REPO, 'workspace'), workspace, { recursive: true });
  const key = await makeKey(dir, 'good');
  mkdirSync(join(dir, 'mirror'));
  await repository(await packages(), join(dir, 'mirror'), key);
  const web = await serve(join(dir, 'mirror'));
  const set = [
    `bootstrap.mirror=${web.url}`,
    `bootstrap.keyring=${key.public}`,
    ...(component === undefined ? [] : [`bootstrap.components=${component}`]),
  ].flatMap((option) => ['--set', option]);
  const run = (command: string, ...more: string[]) => osmith(['-C', workspace, command, branch, ...more]);
  return {
    ...{ dir, workspace, run },
    build: (out, ...more) => run('build', '--arch', 'amd64', '--out', out, ...set, ...more),
    close: async () => {
      await web.close();
      await removeTree(dir);
    },
  };
}
