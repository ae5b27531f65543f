/** What is laid over a configuration volume, as mtools and fsck read it afterwards. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { describeWith, run } from '../../disk/testing.ts';
import { runStep, sameFiles } from '../testing.ts';

const MIB = 1 << 20;

describeWith(['mkfs.vfat', 'mcopy', 'mmd', 'fsck.fat'], 'an overlay', () => {
  it(
    'replaces, adds, keeps, and gives a serial number where there is none',
    { timeout: 300_000 },
    async () => {
      const base = await runStep(
        'config-volume',
        { size: MIB, label: 'EVE', files: { server: 'a', 'sub/kept': 'b' }, marker: 'origin' },
        { a: Buffer.from('old\n'), b: Buffer.from('kept\n') },
      );
      const image = readFileSync(base.files['image']!);
      const inputs = { image, x: Buffer.from('new\n'), y: Buffer.from('more\n') };
      const files = { server: 'x', 'sub/more': 'y', 'other/deep/more': 'y' };
      const lay = (serial: string, replace: boolean, on = inputs) =>
        runStep('config-overlay', { files, serial: { value: serial, replace } }, on);
      const made = await lay('one', false);
      const path = made.files['image']!;
      const read = (file: string) => run(['mtype', '-i', path, `::${file}`]).stdout;
      expect(['server', 'sub/kept', 'sub/more', 'other/deep/more', 'soft_serial'].map(read)).toEqual([
        ...['new\n', 'kept\n', 'more\n', 'more\n', 'one\n'],
      ]);
      expect(run(['fsck.fat', '-n', path]).status).toBe(0);
      expect(made.facts).toEqual({ serial: 'one' });
      expect(sameFiles(made, await lay('one', false))).toBe(true);
      const known = { ...inputs, image: readFileSync(path) };
      expect((await lay('two', false, known)).facts).toEqual({ serial: 'one' });
      expect((await lay('two', true, known)).facts).toEqual({ serial: 'two' });
      const large = { ...inputs, x: Buffer.alloc(1_040_000) };
      await expect(lay('one', false, large)).rejects.toMatchObject({ code: 'E_TOO_LARGE' });
    },
  );
});
