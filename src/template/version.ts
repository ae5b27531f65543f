/** The version of what is built, from git. */
import { MADE_TIME } from '../compose/image-files.ts';
import { parseReference } from '../oci/reference.ts';
import { ask } from '../pkg/git.ts';

export interface VersionOptions {
  /** Of whose packages the variants for development are used. */
  dev?: boolean;
  platform?: string;
  /** Reference of a kernel that was chosen by hand. */
  kernel?: string | undefined;
  /** Milliseconds since the Unix epoch. */
  now: number;
}

async function words(dir: string, args: string[]): Promise<string> {
  const { exitCode, stdout } = await ask(dir, args);
  return exitCode === 0 ? stdout.trim() : '';
}

const RELEASE = /^\d+\.\d+\.\d+(?:-lts|-rc\d+)?$/;

function minute(now: number): string {
  const text = new Date(now).toISOString();
  return `${text.slice(0, 10)}.${text.slice(11, 16).replace(':', '.')}`;
}

/** `docker.io/lfedge/eve-kernel:eve-kernel-amd64-v6.1` as `k-amd64-v6.1`. */
function shortKernel(text: string): string {
  const { repository, tag, digest } = parseReference(text);
  const prefix = `${repository.replace(/^.*\//, '')}-`;
  const name = tag ?? digest!.replace(/^sha256:(.{12}).*/, '$1');
  return `k-${name.startsWith(prefix) ? name.slice(prefix.length) : name}`;
}

/** `RELEASE`, or `0.0.0-BRANCH-COMMIT[-dirty-TIME]`, with what sets the variant apart behind it. */
export async function computeVersion(
  dir: string,
  { dev, platform, kernel, now }: VersionOptions,
): Promise<string> {
  const [head, commit, tag] = await Promise.all([
    words(dir, ['rev-parse', '--abbrev-ref', 'HEAD']),
    words(dir, ['describe', '--match', '$^', '--abbrev=8', '--always', '--dirty']),
    words(dir, ['describe', '--always', '--tags']),
  ]);
  const branch = head.replaceAll('/', '_');
  const parts = [
    RELEASE.test(tag)
      ? tag
      : `0.0.0-${branch}-${commit}${commit.includes('-dirty') ? `-${minute(now)}` : ''}${dev ? '-dev' : ''}`,
    ...(kernel === undefined ? [] : [shortKernel(kernel)]),
    ...(platform === undefined || platform === 'generic' ? [] : [platform]),
  ];
  return parts.join('-');
}

/** The day of what is built, YYYY-MM-DD: that of `epoch`, else of the commit; where there is neither, of all composed files. */
export async function buildDate(dir: string, epoch: number | undefined): Promise<string> {
  const commit = Number(await words(dir, ['log', '-1', '--format=%ct']));
  return new Date((epoch ?? (commit || MADE_TIME)) * 1000).toISOString().slice(0, 10);
}

/** Words of a full version behind the commit: `dev` and `k` choose variants of packages. */
export function versionFlags(version: string): string[] {
  const behind = version.replace(/^.*[0-9a-f]{8}/, '').replace(/-dirty-?[0-9.-]{0,17}/, '');
  return behind.split('-').filter(Boolean);
}
