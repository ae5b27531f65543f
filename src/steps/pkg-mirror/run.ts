/** An image of a small system with an archive of packages in it: a signed repository that its package manager installs from. */
import { copyFile, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { packageList, type PackageFile } from '../../distro/types.ts';
import { OsmithError } from '../../errors.ts';
import { repositoryFiles } from '../../pkg/apt-repository.ts';
import { imageOutput } from '../../pkg/image-output.ts';
import { seededSigner } from '../../release/openpgp/seeded.ts';
import { blobPath } from '../../run/store.ts';
import { defineStep, type StepContext } from '../types.ts';

const params = z.strictObject({
  name: z.string(),
  arch: z.string(),
  suite: z.string(),
  /** SHA-256 of the package files, by name, as the lock file records them. */
  locked: z.record(z.string(), z.string()),
});
type Params = z.infer<typeof params>;

/** Throws E_SIGNATURE: the same version of a package never has other contents. */
function checkFile({ name, version, sha256 }: PackageFile, { locked }: Params): void {
  if (locked[name] === sha256) return;
  throw new OsmithError('E_SIGNATURE', `${name} ${version} is not the file that the lock file records`, {
    hint: `It has the SHA-256 ${sha256}. Find out which mirror it comes from before you lock it`,
  });
}

const KEYRING = 'usr/share/keyrings/mirror.gpg';

async function writeTree(context: StepContext<Params>): Promise<void> {
  const { arch, suite } = context.params;
  const lists = await Promise.all(
    ['base', 'extra'].map(async (input) =>
      packageList.parse(JSON.parse(await readFile(context.path(input), 'utf8'))),
    ),
  );
  for (const file of lists.flatMap(({ packages }) => packages)) checkFile(file, context.params);
  const signer = seededSigner(context.seed, 'Mirror', context.epoch);
  const index = lists
    .map((list) => list.index.trim())
    .filter(Boolean)
    .join('\n\n');
  const files: Record<string, string | Buffer> = {
    ...repositoryFiles({ index, suite, arch, time: context.epoch, sign: (data) => signer.sign(data) }),
    [KEYRING]: signer.keyring,
    'etc/apt/sources.list': `deb [signed-by=/${KEYRING}] copy:/mirror ${suite} main\n`,
    'etc/apt/apt.conf.d/00mirror':
      'APT::Sandbox::User "root";\nAPT::Install-Recommends "false";\nAcquire::Languages "none";\n',
  };
  for (const [path, data] of Object.entries(files)) {
    const file = join(context.work, 'files', path);
    await mkdir(join(file, '..'), { recursive: true });
    await writeFile(file, data);
  }
}

export default defineStep<Params>({
  kind: 'pkg-mirror',
  summary: ({ name, arch }) => `Make the mirror ${name} for ${arch}`,
  params,
  async run(context) {
    const { name, arch } = context.params;
    await writeTree(context);
    await mkdir(join(context.work, 'files/usr/lib/osmith'), { recursive: true });
    await copyFile(join(import.meta.dirname, 'deploy.sh'), join(context.work, 'deploy.sh'));
    await copyFile(
      join(import.meta.dirname, '../pkg-image/unpack.sh'),
      join(context.work, 'files/usr/lib/osmith/unpack.sh'),
    );
    const trees = { '/tree': { tree: context.tree('tree'), writable: true } };
    const run = (...argv: string[]) => context.exec({ argv, trees });
    const pool = '/tree/mirror/pool';
    await run('install', '-D', '-m', '755', '/work/deploy.sh', '/tree/usr/bin/mirror-deploy');
    await run('cp', '-R', '--no-preserve=all', '/work/files/.', '/tree');
    await run('mkdir', '-p', pool);
    for (const input of ['packages-base', 'packages-extra'])
      await run(
        'find',
        `/in/${input}/`,
        '-name',
        '*.deb',
        '-exec',
        'cp',
        '--no-preserve=all',
        '-t',
        pool,
        '{}',
        '+',
      );
    context.progress('storing the layer');
    const { layers } = await context.commit('/tree');
    const blobs = layers.map(async (digest) => ({
      ...{ digest, size: (await stat(blobPath({ dir: context.store }, digest))).size },
    }));
    return imageOutput(context.work, { name, arch, layers: await Promise.all(blobs) });
  },
});
