/** For tests: builds with packed disks, checksums and signatures, as `osmith build` makes them. */
import { createHash } from 'node:crypto';
import { readdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { NAME, noise } from '../testing.ts';

export const DISK = `${NAME}.raw`;

export const sha256 = (data: Buffer | string) => createHash('sha256').update(data).digest('hex');

/** Signs a file of a build into another. */
export type Sign = (at: string, name: string, out: string) => Promise<unknown>;

/** Writes the manifest of a build and signs it. */
export async function seal(at: string, manifest: unknown, sign: Sign): Promise<void> {
  await writeFile(join(at, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  await sign(at, 'manifest.json', 'manifest.json.asc');
}

/** Adds packed disks to a build of the tests, and says so in its manifest. */
export async function addImages(at: string, sign: Sign): Promise<void> {
  const raw = Buffer.concat([noise('disk', 300_000), Buffer.alloc(2_000_000), noise('end', 1000)]);
  await writeFile(join(at, DISK), raw);
  const pack = { gz: ['gzip', '-nk'], xz: ['xz', '-k'], zst: ['zstd', '-qk'] };
  for (const [program = '', ...args] of Object.values(pack)) await execa(program, [...args, join(at, DISK)]);
  await unlink(join(at, DISK));
  const manifest = JSON.parse(await readFile(join(at, 'manifest.json'), 'utf8')) as {
    artifacts: { name: string; size: number; sha256: string }[];
    images: Record<string, unknown>;
  };
  const files = [
    ...manifest.artifacts.map(({ name }) => name),
    ...Object.keys(pack).map((end) => `${DISK}.${end}`),
  ];
  const sum = async (name: string) => `${sha256(await readFile(join(at, name)))}  ${name}\n`;
  for (const name of files) await writeFile(join(at, `${name}.sha256`), await sum(name));
  await writeFile(join(at, `${DISK}.sha256`), `${sha256(raw)}  ${DISK}\n`);
  await writeFile(join(at, 'SHA256SUMS'), (await Promise.all(files.map(sum))).join(''));
  manifest.images = {};
  for (const end of Object.keys(pack)) {
    await writeFile(join(at, `${DISK}.${end}.size`), `${raw.length}\n`);
    manifest.images[`raw.${end}`] = { file: `${DISK}.${end}`, extracted_size: raw.length };
  }
  for (const name of files) await sign(at, name, `${name}.asc`);
  await sign(at, 'SHA256SUMS', 'SHA256SUMS.gpg');
  await writeFile(join(at, DISK), raw);
  await sign(at, DISK, `${DISK}.asc`);
  await unlink(join(at, DISK));
  const names = (await readdir(at)).filter((name) => name !== 'manifest.json').sort();
  manifest.artifacts = await Promise.all(
    names.map(async (name) => {
      const data = await readFile(join(at, name));
      return { name, size: data.length, sha256: sha256(data) };
    }),
  );
  await seal(at, manifest, sign);
}
