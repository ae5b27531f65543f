/** What an installation leaves alone. */
import { openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { SECTOR } from '../disk/layout.ts';
import { describeWith, run } from '../disk/testing.ts';
import { install } from './install.ts';
import { readOptions } from './options.ts';
import { add, bench, bytes, partitions } from './testing.ts';

/** Of slots and P3. */
const NUMBERS = [2, 3, 9];

/** What the table says of them, in sfdisk's words. */
function attributesOf(path: string): string[] {
  return NUMBERS.map((number) => run(['sfdisk', '--part-attrs', path, String(number)]).stdout.trim());
}

const GPT_SCRIPT = join(import.meta.dirname, '../../workspace/pkg/gpt/root/usr/lib/gpt/gpt.sh');

const [IMGA, IMGB, CONFIG, P3] = [75776, 1124352, 2172928, 2174976].map((sector) => sector * SECTOR) as [
  ...[number, number, number, number],
];

describeWith(['sfdisk', 'sgdisk', 'mkfs.vfat', 'mcopy', 'mtype'], 'an installation over another one', () => {
  it('leaves alone what it is told to', async () => {
    const machine = bench();
    const path = add(machine, 'vda');
    await install(machine, readOptions('eve_soft_serial=1'));
    const fd = openSync(path, 'r+');
    // The last four bytes of P3, too.
    const mine = [IMGA, IMGB, P3, 2457567 * SECTOR - 4];
    for (const at of mine) writeSync(fd, 'mine', at);
    const skip = 'osmith.install.erase osmith.install.skip=root,config,persist';
    // The system keeps its name, too.
    expect((await install(machine, readOptions(skip))).serial).toBe('1');
    for (const at of mine) expect(bytes(path, at, 4).toString()).toBe('mine');
    expect(run(['mtype', '-i', `${path}@@${CONFIG}`, '::soft_serial']).stdout).toBe('1\n');
    expect(machine.console.heard()).toMatch(
      /all of it but what is skipped \(root, config, persist\) will be/,
    );
    // It was never started: P3 has no file system yet.
    expect(attributesOf(path)).toEqual(['GUID:49,56', '', 'GUID:48']);
    // The second slot runs; what an update wrote to the first one did not come up.
    const states = ['GUID:48,49', 'GUID:49,56', ''];
    for (const [index, words] of states.entries())
      run(['sfdisk', '--part-attrs', path, String(NUMBERS[index]), words]);
    await install(machine, readOptions('osmith.install.erase osmith.install.skip=root,persist'));
    expect(attributesOf(path)).toEqual(states);
    for (const at of mine) expect(bytes(path, at, 4).toString()).toBe('mine');
    // As the selector sees it.
    const selector = ['sh', '-c', '. "$1"; gpt_candidates "$2"', 'sh', GPT_SCRIPT, path];
    expect(run(selector).stdout).toBe('3 2 0 1 GUID:49,GUID:56\n');
  });

  it('can be done again when it was cut: what is skipped is found', async () => {
    let cut = false;
    const machine = bench([], (text) => {
      if (cut && text.includes('writing IMGA')) throw new Error('the power is cut');
    });
    const path = add(machine, 'vda');
    await install(machine, readOptions(''));
    writeSync(openSync(path, 'r+'), 'mine', P3);
    const again = () => install(machine, readOptions('osmith.install.erase osmith.install.skip=persist'));
    cut = true;
    await expect(again()).rejects.toThrow('the power is cut');
    expect(partitions(path)).toHaveLength(5);
    expect(attributesOf(path)).toEqual(['', '', 'GUID:48']);
    cut = false;
    await again();
    expect(attributesOf(path)).toEqual(['GUID:49,56', '', 'GUID:48']);
    expect(bytes(path, P3, 4).toString()).toBe('mine');
  });
});
