/** Installs what was pulled into the Flatpak directory of an image, without network: a tree of its own, to put on others. */
import { chmod, copyFile, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { OsmithError } from '../../errors.ts';
import { indexPrograms } from '../../flatpak/exports.ts';
import { flatpakManifest, installed } from '../../flatpak/manifest.ts';
import { runPython } from '../../flatpak/python.ts';
import { resolution, type Resolution } from '../../flatpak/types.ts';
import { captureArguments } from '../../run/layer/commit.ts';
import { defineStep, type StepContext } from '../types.ts';

const params = z.strictObject({
  /** Where it is in the tree, such as `var/lib/flatpak`. */
  dir: z.string(),
  languages: z.array(z.string()),
  /** Whether these are languages of the running system too. */
  setExtraLanguages: z.boolean(),
  remotes: z.array(
    z.strictObject({
      name: z.string(),
      /** Where the running system finds it; empty: where it was pulled from. */
      deployUrl: z.string(),
      noenumerate: z.boolean(),
      /** Whether the running system may also take updates from peers. */
      p2p: z.boolean(),
    }),
  ),
});
type Params = z.infer<typeof params>;
type Context = StepContext<Params>;

const PROGRAM = join(import.meta.dirname, '../../flatpak/install.py');

/** Of the tree that is made, in the work directory. */
const ROOT = 'root';

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

/** Flatpak takes files that others send from a directory of the user, if they are there. */
async function placeExtraData(context: Context, { refs }: Resolution): Promise<void> {
  for (const { name, sha256 } of refs.flatMap(({ extraData }) => extraData)) {
    const dir = join(context.work, 'user', 'extra-data', sha256);
    await mkdir(dir, { recursive: true });
    await copyFile(join(context.path('extra'), sha256), join(dir, name));
  }
}

/** The remotes as the running system has them. */
function shipped({ remotes }: Resolution, settings: Params['remotes']) {
  return remotes.map((remote) => {
    const { deployUrl, noenumerate, p2p } = settings.find(({ name }) => name === remote.name)!;
    return {
      ...{ name: remote.name, title: remote.title, defaultBranch: remote.defaultBranch, prio: remote.prio },
      ...{ key: remote.gpgVerify ? remote.key : '', noenumerate },
      ...{ deployUrl: deployUrl || remote.url, collectionId: p2p ? remote.collectionId : '' },
    };
  });
}

function installError(error: unknown): unknown {
  if (!(error instanceof OsmithError) || error.code !== 'E_TOOL') return error;
  const last = error.details.tail?.at(-1);
  return new OsmithError(
    'E_FLATPAK',
    `Flatpak cannot install this: ${last ?? 'it does not say why'}`,
    error.details,
  );
}

/** What desktops look up, made anew for all apps at once. */
async function writeIndexes(context: Context, dir: string): Promise<void> {
  const icons = join(context.work, dir, 'exports/share/icons');
  const themes = (await readdir(icons).catch(() => [])).sort();
  for (const { needs, argv } of indexPrograms(themes)) {
    if (!(await exists(join(context.work, dir, needs)))) continue;
    await context.exec({ argv: argv(`/work/${dir}/${needs}`) });
  }
}

export default defineStep<Params>({
  kind: 'flatpak-install',
  summary: ({ dir }) => `Install Flatpak apps into /${dir}`,
  params,
  async run(context) {
    const { params, work } = context;
    const { languages, setExtraLanguages } = params;
    const resolved = resolution.parse(JSON.parse(await readFile(context.path('apps'), 'utf8')));
    const dir = `${ROOT}/${params.dir}`;
    await copyFile(join(import.meta.dirname, '../../flatpak/bwrap.sh'), join(work, 'bwrap.sh'));
    await chmod(join(work, 'bwrap.sh'), 0o755);
    await mkdir(join(work, 'no-triggers'));
    await placeExtraData(context, resolved);
    const remotes = shipped(resolved, params.remotes);
    const request = {
      ...{ path: `/work/${dir}`, repo: '/repo', remotes, languages, extraLanguages: setExtraLanguages },
      operations: resolved.refs.map(({ ref, remote, subpaths }) => ({ ref, remote, subpaths })),
    };
    await writeFile(join(work, 'request.json'), JSON.stringify(request));
    context.progress(`${resolved.refs.length} refs`);
    try {
      await runPython(context, PROGRAM, ['request.json', 'installed.json'], {
        trees: { '/repo': { tree: context.tree('repo') } },
        env: {
          ...{ FLATPAK_USER_DIR: '/work/user', FLATPAK_BWRAP: '/work/bwrap.sh' },
          FLATPAK_TRIGGERSDIR: '/work/no-triggers',
        },
      });
    } catch (error) {
      throw installError(error);
    }
    await context.exec({ argv: ['find', `/work/${dir}/repo/tmp`, '-mindepth', '1', '-delete'] });
    await writeIndexes(context, dir);
    const told = installed.parse(JSON.parse(await readFile(join(work, 'installed.json'), 'utf8')));
    const fragments = {
      'flatpak.json': {
        flatpak: flatpakManifest(
          resolved,
          told,
          remotes.map(({ name, deployUrl: url, collectionId }) => ({ name, url, collectionId })),
        ),
      },
      'flatpak-locales.json': { flatpak_locales: languages },
    };
    await writeFile(join(work, 'fragments.json'), JSON.stringify(fragments));
    context.progress('storing');
    const { epoch } = context;
    await context.exec({ argv: captureArguments(`/work/${ROOT}`, epoch), stdout: { file: 'apps.tar' } });
    return { trees: { apps: await context.importTar('apps.tar') }, files: { fragments: 'fragments.json' } };
  },
});
