/** Which package files make the system: apt's own answer, out of the signed index. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OsmithError } from '../../errors.ts';
import type { ExecOptions, StepContext, Tree } from '../../steps/types.ts';
import type { PackageFile, PackageList, Resolution, ResolveRequest } from '../types.ts';
import { prepareApt } from './apt.ts';
import { parseControl } from './control.ts';
import { aptError } from './errors.ts';
import { writeKeyring } from './keyring.ts';
import { withNearest } from './nearest-package.ts';

type Context = StepContext<ResolveRequest>;
type Trees = NonNullable<ExecOptions['trees']>;

/** What every Debian has: the minbase variant of debootstrap(8). */
const REQUIRED = ['?or(?essential,?priority(required))', 'apt'];

/** One line of `apt-get --print-uris`: 'URL' FILE SIZE [HASH]. */
export function parseUris(text: string): { url: string; name: string; version: string; arch: string }[] {
  return text.split('\n').flatMap((line) => {
    const match = line.match(/^'([^']+)' (\S+)_(\S+)_([^_\s]+)\.deb \d+/);
    if (match === null) return [];
    const [, url, name, version, arch] = match as unknown as [string, string, string, string, string];
    return [{ url, name, version: decodeURIComponent(version), arch }];
  });
}

/** apt's sources with the key ring that must have signed them. */
export function signedBy(sources: string, keyring: string): string {
  return sources.replaceAll(/^(deb(?:-src)?)\s+(?!\[)/gm, `$1 [signed-by=${keyring}] `);
}

/**
 * mmdebstrap knows the right sources of a suite (updates, security) and the default mirror: it is asked to write them,
 * and stopped there by a hook that fails.
 */
async function defaultSources(context: Context): Promise<string> {
  const { suite, mirror, components, arch } = context.params;
  const hook = 'cat "$1/etc/apt/sources.list" > /work/sources.list; exit 1';
  const only = ['--mode=root', '--variant=custom', '--format=directory', '--skip=check/qemu,check/signed-by'];
  const options = [`--architectures=${arch}`, `--components=${components.join(',')}`, `--setup-hook=${hook}`];
  const place = [suite, '/tmp/root', ...(mirror === '' ? [] : [mirror])];
  const stopped = await context
    .exec({ argv: ['mmdebstrap', ...only, ...options, ...place] })
    .catch((error: unknown) => error);
  const sources = await readFile(join(context.work, 'sources.list'), 'utf8').catch(() => '');
  if (sources.includes('deb ')) return sources;
  throw stopped instanceof Error
    ? stopped
    : new OsmithError('E_SUITE', `mmdebstrap knows no package sources for ${suite}`);
}

/** Where a system that is there is mounted. */
const SYSTEM = '/system';

/** The sources that a system's own packages came from. */
async function sourcesOf(context: Context, trees: Trees): Promise<string> {
  const argv = ['cat', `${SYSTEM}/etc/apt/sources.list`];
  return (await context.exec({ argv, trees, stdout: 'capture' })).stdout;
}

/**
 * `own`: what the distribution is called, and where its own keys are. `system`: what is there already; only `extra` is
 * looked for then, with newer versions of what is there where it needs them.
 */
export async function resolve(
  context: Context,
  own: { title: string; keyring: string },
  system?: Tree,
): Promise<Resolution> {
  const { base, extra, keyring, bare } = context.params;
  const required = bare === true || system !== undefined ? [] : REQUIRED;
  const trees: Trees = system === undefined ? {} : { [SYSTEM]: { tree: system } };
  const env = await prepareApt(context, system && `${SYSTEM}/var/lib/dpkg/status`);
  const sources = await (system === undefined ? defaultSources(context) : sourcesOf(context, trees));
  const keys = await writeKeyring(context, keyring || own.keyring);
  await writeFile(join(context.work, 'apt', 'sources.list'), signedBy(sources, keys));
  const apt = async (argv: string[], stdout: 'log' | 'capture') => {
    try {
      return (await context.exec({ argv, env, trees, stdout })).stdout;
    } catch (error) {
      const names = () => context.exec({ argv: ['apt-cache', 'pkgnames'], env, stdout: 'capture' });
      throw await withNearest(aptError(error, context.params, own.title), async () => (await names()).stdout);
    }
  };
  context.progress('package index');
  await apt(['apt-get', 'update', '-q'], 'log');
  context.progress('dependencies');
  const solve = async (packages: string[]) =>
    parseUris(await apt(['apt-get', '-qq', 'install', '--print-uris', ...packages], 'capture'));
  const baseFiles = system === undefined ? await solve([...required, ...base]) : [];
  const allFiles = extra.length === 0 ? [] : await solve([...required, ...base, ...extra]);
  const baseUrls = new Set(baseFiles.map((file) => file.url));
  const show = async (files: typeof baseFiles): Promise<PackageList> => {
    if (files.length === 0) return { packages: [], index: '' };
    const wanted = files.map((file) => `${file.name}=${file.version}`);
    return packageListOf(files, await apt(['apt-cache', 'show', ...wanted], 'capture'));
  };
  return {
    base: await show(baseFiles),
    extra: await show(allFiles.filter((file) => !baseUrls.has(file.url))),
    sources,
  };
}

/** Joins apt's URLs with the index entries; entries get the flat file names of a local repository. */
function packageListOf(files: ReturnType<typeof parseUris>, shown: string): PackageList {
  const paragraphs = new Map<string, { text: string; fields: Map<string, string> }>();
  for (const text of shown.split(/\n{2,}/)) {
    const fields = parseControl(text)[0];
    if (fields === undefined) continue;
    const id = [fields.get('package'), fields.get('version'), fields.get('architecture')].join(' ');
    if (fields.has('filename') && !paragraphs.has(id)) paragraphs.set(id, { text, fields });
  }
  const packages: PackageFile[] = [];
  const index: string[] = [];
  for (const { url, name, version, arch } of files.toSorted((a, b) => (a.url < b.url ? -1 : 1))) {
    const entry = paragraphs.get([name, version, arch].join(' '));
    const sha256 = entry?.fields.get('sha256');
    if (entry === undefined || sha256 === undefined) {
      throw new OsmithError('E_PACKAGE_MISSING', `The index has no SHA256 of ${name} ${version}`);
    }
    const file = `${name}_${version.replaceAll(':', '%3a')}_${arch}.deb`;
    packages.push({ name, version, arch, file, url, size: Number(entry.fields.get('size')), sha256 });
    index.push(entry.text.trim().replace(/^Filename:.*$/m, `Filename: ./packages/${file}`));
  }
  return { packages, index: `${index.join('\n\n')}\n` };
}
