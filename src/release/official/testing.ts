/** Builds of containers for tests: what `osmith build` leaves, of a tree of one file. */
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { runStep, treeOf } from '../../steps/testing.ts';
import type { OfficialSettings } from './settings.ts';

export interface TestBuild {
  /** What is in the one file. */
  content: string | Buffer;
  arch?: string;
  version?: string;
  epoch?: number;
}

const DAY = 86_400;
/** 14 November 2023. */
export const FIRST = 1_700_000_000;
export const SECOND = FIRST + 7 * DAY;

/** Writes a build into `dir`, made by the real steps. */
export async function writeContainerBuild(
  dir: string,
  { content, arch = 'amd64', version = '', epoch = FIRST }: TestBuild,
): Promise<string> {
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  const archive = await runStep('archive', { what: 'it' }, { tree: treeOf([{ path: 'file', content }]) });
  const { store } = archive;
  const tar = { result: archive.result, output: 'tar' };
  const packed = await runStep('compress', { what: 'it', format: 'zst' }, { file: tar }, { store });
  const image = await runStep(
    'container-image',
    {
      ...{
        arch,
        version,
        name: 'osmith',
        layers: ['root'],
        layer: 'zstd',
        command: ['/bin/sh'],
        env: ['LANG=C.UTF-8'],
      },
      labels: { 'org.opencontainers.image.title': 'A "quoted" $title' },
    },
    { 'tar/root': tar, 'layer/root': { result: packed.result, output: 'file' } },
    { store },
  );
  const name = `osmith_deb_${arch}`;
  copyFileSync(packed.files['file']!, join(dir, `${name}.tar.zst`));
  copyFileSync(image.files['file']!, join(dir, `${name}.oci.tar`));
  writeManifest(dir, { name, arch, epoch });
  return dir;
}

/** Says of the two files what they are now. */
export function writeManifest(
  dir: string,
  { name, arch, epoch }: { name: string; arch: string; epoch: number },
) {
  const artifacts = ['tar.zst', 'oci.tar'].map((ending) => {
    const file = join(dir, `${name}.${ending}`);
    const data = readFileSync(file);
    return {
      name: basename(file),
      size: data.length,
      sha256: createHash('sha256').update(data).digest('hex'),
    };
  });
  writeFileSync(join(dir, 'manifest.json'), JSON.stringify({ name, arch, epoch, artifacts }));
}

export const SETTINGS: OfficialSettings = {
  name: 'osmith',
  url: 'https://forge.example/os/image.git',
  branch: 'dist',
  form: 'oci-import',
  tagFormat: 'ddmmyyyy',
  maintainers: ['Ada Lovelace <ada@forge.example> (@ada)'],
  author: { name: 'Ada Lovelace', email: 'ada@forge.example' },
  tarballUrl: '',
  verifyImage: 'alpine:3',
  keepPrevious: false,
};
