/** A signed repository as apt reads it: its index of packages, and the file that vouches for that. */
import { createHash } from 'node:crypto';

export interface RepositoryRequest {
  /** The packages' entries, as a distribution's index has them. */
  index: string;
  suite: string;
  arch: string;
  /** Seconds since the Unix epoch. */
  time: number;
  /** A detached signature, as text. */
  sign: (data: Buffer) => string;
}

/** Files by path below the root of the system; the package files themselves go to `mirror/pool/`, under the names that they have in the index. */
export function repositoryFiles(request: RepositoryRequest): Record<string, string> {
  const { suite, arch, time } = request;
  const packages = `${request.index.replaceAll(/^Filename: .*\//gm, 'Filename: pool/')}\n`;
  const path = `main/binary-${arch}/Packages`;
  const sha256 = createHash('sha256').update(packages).digest('hex');
  const release = [
    ...['Origin: Osmith', 'Label: Mirror', `Suite: ${suite}`, `Codename: ${suite}`],
    `Date: ${new Date(time * 1000).toUTCString().replace('GMT', 'UTC')}`,
    ...[`Architectures: ${arch}`, 'Components: main', 'SHA256:'],
    ` ${sha256} ${Buffer.byteLength(packages)} ${path}`,
    '',
  ].join('\n');
  const dir = `mirror/dists/${suite}`;
  return {
    [`${dir}/${path}`]: packages,
    [`${dir}/Release`]: release,
    [`${dir}/Release.gpg`]: request.sign(Buffer.from(release)),
  };
}
