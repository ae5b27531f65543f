/** Images of realistic size for the measurement of compositions: parts of this machine's own /usr. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, lstatSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const PACKAGES = 20;

/** Bytes of files in a package, about. */
const SIZE = 12 << 20;

/** From each only some packages, as kinds of files differ: many small ones, and large ones. */
const ROOTS = ['/usr/share', '/usr/bin', '/usr/lib', '/usr/include', '/usr/sbin'];
const MOST = 7;

/** Files of this machine in the order of their names, until there are enough. */
function* files(dir: string): Generator<{ path: string; size: number }> {
  for (const name of readdirSync(dir).sort()) {
    const path = join(dir, name);
    const stat = lstatSync(path);
    if (stat.isDirectory()) yield* files(path);
    else if (stat.isSymbolicLink() || (stat.isFile() && stat.size < SIZE)) yield { path, size: stat.size };
  }
}

function* packages(): Generator<string[]> {
  for (const root of ROOTS) {
    let list: string[] = [];
    let size = 0;
    let made = 0;
    for (const file of files(root)) {
      list.push(file.path);
      size += file.size;
      if (size < SIZE) continue;
      yield list;
      [list, size] = [[], 0];
      made += 1;
      if (made === MOST) break;
    }
    if (list.length > 0 && made < MOST) yield list;
  }
}

function run(argv: readonly string[], input: string): void {
  const { status, stderr } = spawnSync(argv[0]!, argv.slice(1), { input, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${argv.join(' ')} failed:\n${stderr}`);
}

export interface ComposeInputs {
  layout: string;
  /** The description of the system. */
  system: string;
  /** Compressed layers. */
  layers: string[];
  /** Files in all of them. */
  files: number;
}

function digestOf(data: Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

/** Writes a layout of 20 images with a layer each, and a description that makes services of them. */
export function composeInputs(dir: string): ComposeInputs {
  const blobs = join(dir, 'layout/blobs/sha256');
  mkdirSync(blobs, { recursive: true });
  const add = (data: Buffer, mediaType: string) => {
    const digest = digestOf(data);
    writeFileSync(join(blobs, digest), data);
    return { mediaType, digest: `sha256:${digest}`, size: data.length };
  };
  const json = (value: unknown, mediaType: string) => add(Buffer.from(JSON.stringify(value)), mediaType);
  const layers: string[] = [];
  const manifests: unknown[] = [];
  let count = 0;
  for (const list of packages()) {
    if (layers.length === PACKAGES) break;
    const tar = join(dir, 'layer.tar');
    const options = ['--format=pax', '--numeric-owner', '--hard-dereference', '--no-recursion'];
    run(
      ['tar', '-cf', tar, '-C', '/', ...options, '--null', '--files-from=-'],
      list.map((path) => path.slice(1)).join('\0'),
    );
    run(['gzip', '-6', '-n', '-f', tar], '');
    const data = readFileSync(`${tar}.gz`);
    const digest = digestOf(data);
    const file = join(blobs, digest);
    renameSync(`${tar}.gz`, file);
    layers.push(file);
    count += list.length;
    const layer = { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest: `sha256:${digest}` };
    const config = json(
      { architecture: 'amd64', os: 'linux', config: {}, rootfs: { type: 'layers', diff_ids: [digest] } },
      'application/vnd.oci.image.config.v1+json',
    );
    const mediaType = 'application/vnd.oci.image.manifest.v1+json';
    const manifest = { schemaVersion: 2, mediaType, config, layers: [{ ...layer, size: data.length }] };
    manifests.push({
      ...json(manifest, mediaType),
      platform: { architecture: 'amd64', os: 'linux' },
      annotations: { 'org.opencontainers.image.ref.name': `docker.io/bench/p${layers.length}:1` },
    });
  }
  writeFileSync(join(dir, 'layout/oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(join(dir, 'layout/index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
  const system = join(dir, 'system.yml');
  const services = layers.map((_, i) => `  - {name: p${i + 1}, image: "bench/p${i + 1}:1"}\n`).join('');
  writeFileSync(system, `services:\n${services}`);
  return { layout: join(dir, 'layout'), system, layers, files: count };
}
