import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { artifact, findArtifact, openImage } from './image.ts';
import { signedProgram } from './testing.ts';

describe('openImage', () => {
  let dir: string;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'osmith-image-'));
  });
  afterEach(() => rm(dir, { recursive: true }));

  async function build(files: Record<string, string | Buffer>, change: object = {}): Promise<void> {
    for (const [name, content] of Object.entries(files)) await writeFile(join(dir, name), content);
    const artifacts = Object.entries(files).map(([name, content]) => ({
      name,
      size: content.length,
      sha256: '',
    }));
    const manifest = { version: 1, name: 'osmith_deb_amd64', arch: 'amd64', artifacts, ...change };
    await writeFile(join(dir, 'manifest.json'), JSON.stringify(manifest));
  }

  it('finds artifacts by their endings', async () => {
    await build({
      'osmith_deb_amd64.raw': 'disk',
      'osmith_deb_amd64.pxe.tar': 'tar',
      'osmith_deb_amd64.raw.gz': 'gz',
    });
    const image = await openImage(dir);
    expect(image).toMatchObject({ name: 'osmith_deb_amd64', arch: 'amd64' });
    expect(artifact(image, 'raw')).toBe(join(dir, 'osmith_deb_amd64.raw'));
    expect(findArtifact(image, 'pxe.tar')).toBe(join(dir, 'osmith_deb_amd64.pxe.tar'));
    expect(findArtifact(image, 'vmlinuz')).toBeUndefined();
    expect(() => artifact(image, 'vmlinuz')).toThrow('has no .vmlinuz artifact');
  });

  it('knows a composed one by the images that it was made of', async () => {
    await build({}, { inputs: { sources: {} } });
    expect((await openImage(dir)).composed).toBe(false);
    await build({}, { inputs: { images: {} } });
    expect((await openImage(dir)).composed).toBe(true);
  });

  it.each<[string, Record<string, string | Buffer>, boolean]>([
    ['signed', { 'x.vmlinuz': signedProgram() }, false],
    ['signed by nobody', { 'x.vmlinuz': signedProgram(0) }, true],
    ['no EFI program', { 'x.vmlinuz': 'kernel' }, false],
    ['not there', {}, false],
  ])('knows whether Secure Boot must refuse a kernel that is %s', async (_, files, unsigned) => {
    await build(files);
    expect((await openImage(dir)).unsigned).toBe(unsigned);
  });

  it.each<[string, () => Promise<void>, string]>([
    ['nothing was built', async () => {}, 'There is no built image in'],
    ['a manifest is broken', () => writeFile(join(dir, 'manifest.json'), '{'), 'is not a manifest'],
    ['an architecture is unknown', () => build({}, { arch: 'm68k' }), 'is not a manifest'],
    [
      'a file is missing',
      async () => {
        await build({ 'x.raw': 'disk' });
        await rm(join(dir, 'x.raw'));
      },
      'x.raw is missing',
    ],
    [
      'a file is cut off',
      async () => {
        await build({ 'x.raw': 'disk' });
        await writeFile(join(dir, 'x.raw'), 'd');
      },
      'x.raw is not complete',
    ],
  ])('says when %s', async (_, prepare, message) => {
    await prepare();
    await expect(openImage(dir)).rejects.toMatchObject({
      code: 'E_NO_IMAGE',
      message: expect.stringContaining(message) as string,
    });
  });
});
