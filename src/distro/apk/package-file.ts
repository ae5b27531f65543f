/** Package files (apk-v2(5)): three gzip streams: signatures; control, which an index knows by its SHA-1; data, which control knows. */
import { createHash } from 'node:crypto';
import { firstStream } from './gzip.ts';
import { tarEntries } from './tar.ts';

/** The kinds that apk knows; of them the first two and the last run when a package is new. */
export const SCRIPTS = [
  ...[
    'pre-install',
    'post-install',
    'pre-deinstall',
    'post-deinstall',
    'pre-upgrade',
    'post-upgrade',
    'trigger',
  ],
];

export interface PackageFile {
  /** .PKGINFO: all values of each key. */
  info: ReadonlyMap<string, string[]>;
  /** By kind. */
  scripts: ReadonlyMap<string, Buffer>;
  /** A tar archive. */
  data: Buffer;
}

/** Bytes of the streams that are read before it is known that they are the right ones. */
const LARGEST = 1 << 26;

function parseInfo(text: string): Map<string, string[]> {
  const info = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [, key, value] = /^([^#\s]\S*) = (.*)$/.exec(line) ?? [];
    if (key !== undefined) info.set(key, [...(info.get(key) ?? []), value!]);
  }
  return info;
}

const digest = (algorithm: string, data: Buffer) => createHash(algorithm).update(data);

/** Throws an Error if the file is not the one with this checksum in an index, `Q1...`. */
export function readPackage(file: Buffer, checksum: string): PackageFile {
  const signatures = firstStream(file, LARGEST);
  const rest = file.subarray(signatures.length);
  const control = firstStream(rest, LARGEST);
  const own = digest('sha1', rest.subarray(0, control.length)).digest('base64');
  if (`Q1${own}` !== checksum) throw new Error(`its checksum is Q1${own}, not ${checksum}`);
  let info = new Map<string, string[]>();
  const scripts = new Map<string, Buffer>();
  for (const { entry, body } of tarEntries(control.content)) {
    const kind = entry.path.slice(1);
    if (entry.path === '.PKGINFO') info = parseInfo(body.toString('utf8'));
    else if (SCRIPTS.includes(kind)) scripts.set(kind, Buffer.from(body));
  }
  const packed = rest.subarray(control.length);
  const [expected] = info.get('datahash') ?? [];
  const found = digest('sha256', packed).digest('hex');
  if (found !== expected) throw new Error(`the SHA-256 of its files is ${found}, not ${expected}`);
  const data = firstStream(packed);
  if (data.length !== packed.length) throw new Error('there is more behind its files');
  return { info, scripts, data: data.content };
}
