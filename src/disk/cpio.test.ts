import { mkdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { cpioArchive, CPIO_TYPE, padding4, type CpioEntry } from './cpio.ts';
import { collect, describeWith, run, scratch } from './testing.ts';

const name = fc.stringMatching(/^[a-zA-Z0-9_][a-zA-Z0-9_. +-]{0,30}$/);
const content = fc.uint8Array({ maxLength: 3000 }).map((bytes) => Buffer.from(bytes));

describeWith(['cpio'], 'newc archives', () => {
  it('are read by cpio as they were written, whatever the sizes of names and contents', async () => {
    const files = fc.uniqueArray(fc.record({ name, content, mode: fc.constantFrom(0o644, 0o755, 0o600) }), {
      minLength: 1,
      maxLength: 12,
      selector: (file) => file.name,
    });
    await fc.assert(
      fc.asyncProperty(files, async (all) => {
        const dir = scratchOnce();
        const entries: CpioEntry[] = [
          { name: 'd', mode: CPIO_TYPE.directory | 0o755 },
          ...all.map((f) => ({ name: `d/${f.name}`, mode: CPIO_TYPE.file | f.mode, data: f.content })),
          { name: 'd/. link', mode: CPIO_TYPE.symlink | 0o777, data: Buffer.from(all[0]!.name) },
        ];
        const archive = await collect(cpioArchive(entries, 1_700_000_000));
        expect(archive.length % 4).toBe(0);
        const result = run(['cpio', '-i', '-m', '--quiet', '--no-absolute-filenames'], {
          input: archive,
          cwd: dir,
        });
        expect(result).toMatchObject({ status: 0, stderr: '' });
        for (const file of all) {
          expect(readFileSync(join(dir, 'd', file.name)).equals(file.content)).toBe(true);
          const { mode, mtimeMs } = statSync(join(dir, 'd', file.name));
          expect([mode & 0o7777, mtimeMs]).toEqual([file.mode, 1_700_000_000_000]);
        }
        expect(readlinkSync(join(dir, 'd', '. link'))).toBe(all[0]!.name);
      }),
      { numRuns: 25 },
    );
  });

  it('show devices with their numbers', async () => {
    const entry: CpioEntry = { name: 'console', mode: CPIO_TYPE.device | 0o600, device: [5, 1] };
    const listing = run(['cpio', '-itv', '--quiet'], { input: await collect(cpioArchive([entry], 0)) });
    expect(listing.stdout).toMatch(/^crw------- .* 5, +1 .* console$/m);
  });

  it('take contents from files and can follow one another', async () => {
    const dir = scratch();
    writeFileSync(join(dir, 'image'), Buffer.alloc(100_001, 7));
    const first = await collect(
      cpioArchive([{ name: 'a', mode: CPIO_TYPE.file | 0o644, data: Buffer.from('x') }], 0),
    );
    const data = { file: join(dir, 'image'), size: 100_001 };
    const second = await collect(cpioArchive([{ name: 'b', mode: CPIO_TYPE.file | 0o644, data }], 0));
    const odd = Buffer.concat([first, Buffer.alloc(3)]);
    expect((odd.length + padding4(odd.length).length) % 4).toBe(0);
    expect(run(['cpio', '-it', '--quiet'], { input: second }).stdout).toBe('b\n');
  });
});

function scratchOnce(): string {
  const dir = join(scratch(), 'out');
  mkdirSync(dir);
  return dir;
}
