/** Source packages: which files apt's signed index says they are. */
import type { PackageFile } from '../types.ts';

/** The same places, but for sources. */
export function sourceLines(sources: string): string {
  return sources.replaceAll(/^deb(?=\s)/gm, 'deb-src');
}

export function sourceUrisArgv(name: string, version: string): string[] {
  return ['apt-get', '-qq', 'source', '--print-uris', '--only-source', `${name}=${version}`];
}

/** Lines of `apt-get source --print-uris`: 'URL' FILE SIZE SHA256:HEX. What has no such digest is left out. */
export function parseSourceUris(
  text: string,
  { name, version }: { name: string; version: string },
): PackageFile[] {
  return text.split('\n').flatMap((line) => {
    const match = /^'([^']+)' (\S+) (\d+) SHA256:([0-9a-f]{64})$/.exec(line.trim());
    if (match === null) return [];
    const [, url, file, size, sha256] = match as unknown as [string, string, string, string, string];
    return [{ name, version, arch: 'source', file, url, size: Number(size), sha256, date: 0 }];
  });
}
