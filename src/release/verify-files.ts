/** Checks the files of a build, each read once: its digest, its signature, and what is packed in it. */
import { SUMS } from '../plan/sign.ts';
import type { Manifest } from '../update/release.ts';
import { aboutImages, isAbout, signatureOf, unpackedName } from './layout.ts';
import type { Checking } from './openpgp/keyring.ts';
import { digestOf, readSmall, type Digest } from './reader.ts';
import { unpack } from './unpack.ts';
import { MISSING, type Job } from './verify-types.ts';

/** Checksums, signatures and sizes stay far below this. */
const MAX_SMALL = 1024 * 1024;

/** What there is about the files, beside the manifest's own list. */
interface Listing {
  digests: ReadonlyMap<string, Digest>;
  /** What a packed file unpacks to, bytes. */
  sizes: ReadonlyMap<string, number>;
  at: (name: string) => string;
}

/** All files that a manifest names. */
export async function checkFiles(
  job: Job,
  { text, manifest }: { text: string; manifest: Manifest },
  at: (name: string) => string,
): Promise<void> {
  const digests = new Map(manifest.artifacts.map(({ name, size, sha256 }) => [name, { size, sha256 }]));
  const listing = { digests, sizes: aboutImages(text), at };
  const unpacked = new Set<string>();
  for (const name of digests.keys()) {
    job.signal?.throwIfAborted();
    await checkFile(job, listing, name, unpacked);
  }
  for (const name of digests.keys()) await checkAbout(job, listing, name, unpacked);
}

function sizeFault(found: Digest, { size, sha256 }: Digest): string | undefined {
  if (found.size > size) return `it has more than ${size} bytes`;
  if (found.size < size) return `it has ${found.size} of ${size} bytes`;
  return found.sha256 === sha256 ? undefined : `its digest is ${found.sha256}, not ${sha256}`;
}

/** Verifies the signature of a file while that is read. Undefined: none is asked for. */
export async function startSignature(
  job: Job,
  name: string,
  at: Listing['at'],
): Promise<Checking | undefined> {
  const { keyring, reader } = job;
  if (keyring === undefined) return undefined;
  const signature = await readSmall(reader, at(signatureOf(name)), MAX_SMALL);
  if (signature !== undefined) return keyring.check(signature);
  job.add(at(name), 'signature', 'it is not signed');
  return undefined;
}

/** Adds what a signature was found to be. */
export async function endSignature(job: Job, file: string, checking: Checking | undefined): Promise<void> {
  if (checking === undefined) return;
  const { ok, detail } = await checking.end();
  job.add(file, 'signature', ok ? undefined : detail, detail);
}

function line(name: string, { sha256 }: Digest): string {
  return `${sha256}  ${name}\n`;
}

/** Why what came out of a packed file is not what its checksum says. */
async function unpackedFault(
  { reader }: Job,
  checksum: string,
  name: string,
  came: Digest | string,
  size: number,
): Promise<string | undefined> {
  if (typeof came === 'string') return `it cannot be unpacked: ${came}`;
  if (came.size !== size) return `${came.size > size ? 'more than ' : ''}${size} bytes should come out of it`;
  const text = (await readSmall(reader, checksum, MAX_SMALL))?.toString();
  return text === line(name, came) ? undefined : `what comes out of it has the digest ${came.sha256}`;
}

async function checkFile(job: Job, listing: Listing, name: string, unpacked: Set<string>): Promise<void> {
  const { digests, sizes, at } = listing;
  const expected = digests.get(name)!;
  const data = await job.reader.open(at(name));
  if (data === undefined) return job.add(at(name), 'digest', MISSING);
  const signature = isAbout(name) ? undefined : await startSignature(job, name, at);
  const inner = unpackedName(name);
  const size = sizes.get(name);
  const looks = inner !== undefined && size !== undefined && digests.has(`${inner}.sha256`);
  const innerSignature = looks ? await startSignature(job, inner, at) : undefined;
  const unpacking = looks ? unpack(name, size, async (part) => innerSignature?.write(part)) : undefined;
  try {
    const found = await digestOf(data, expected.size, async (part) => {
      await Promise.all([signature?.write(part), unpacking?.write(part)]);
    });
    job.add(at(name), 'digest', sizeFault(found, expected), `sha256:${expected.sha256}`);
    await endSignature(job, at(name), signature);
    const came = await unpacking?.end();
    if (inner === undefined || came === undefined) return undefined;
    unpacked.add(inner);
    const wrong = await unpackedFault(job, at(`${inner}.sha256`), inner, came, size!);
    job.add(at(name), 'unpacked', wrong, `${inner}, ${size} bytes`);
    await endSignature(job, at(inner), innerSignature);
  } finally {
    unpacking?.stop();
  }
  return undefined;
}

/** Files that say something about another one must say what was found. */
async function checkAbout(
  job: Job,
  { digests, sizes, at }: Listing,
  name: string,
  unpacked: ReadonlySet<string>,
): Promise<void> {
  const [, of = '', kind] = /^(.+)\.(sha256|size)$/.exec(name) ?? [];
  if (kind === undefined && name !== SUMS) return;
  const text = (await readSmall(job.reader, at(name), MAX_SMALL))?.toString();
  if (text === undefined) return; // told already
  if (kind === 'size') {
    const size = sizes.get(of);
    const wrong = text === `${size}\n` ? undefined : `it says ${text.trim()}, not ${size}`;
    job.add(at(name), 'checksum', wrong, `${size} bytes`);
  } else if (kind === 'sha256') {
    const found = digests.get(of);
    if (found === undefined && unpacked.has(of)) return; // told with the packed file
    const wrong = found === undefined ? `there is no ${of}, packed or not` : `it does not fit ${of}`;
    job.add(at(name), 'checksum', found && text === line(of, found) ? undefined : wrong, of);
  } else {
    const lines = new Set(text.split(/(?<=\n)/));
    const files = [...digests].filter(([each]) => !isAbout(each) && each !== SUMS);
    const first = files.find(([each, digest]) => !lines.delete(line(each, digest)));
    const other = [...lines][0]?.trim();
    const fault =
      first === undefined ? other && `it lists something else: ${other}` : `it does not fit ${first[0]}`;
    job.add(at(name), 'checksum', fault, `${files.length} files`);
  }
}
