import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { HARD_LINK } from '../../run/layer/entry.ts';
import { blobPath } from '../../run/store.ts';
import { runStep, treeOf } from '../testing.ts';

const root = treeOf([
  { path: 'boot/config-6.12.1-amd64', content: 'config' },
  { path: 'boot/vmlinuz-6.12.1-amd64', content: 'kernel' },
  { path: 'usr/shim', content: 'shim' },
  { path: 'usr/shim.signed', type: HARD_LINK, link: 'usr/shim' },
]);

describe('extract', () => {
  it('copies what matches, follows hard links, and knows the kernel’s version', async () => {
    const wanted = { vmlinuz: 'boot/vmlinuz-*', shim: 'usr/shim.signed', again: '**/shim' };
    const { files, facts } = await runStep('extract', { files: wanted }, { root });
    const contents = Object.entries(files).map(([name, file]) => [name, readFileSync(file, 'utf8')]);
    expect(Object.fromEntries(contents)).toEqual({ vmlinuz: 'kernel', shim: 'shim', again: 'shim' });
    expect(facts).toEqual({ kernelVersion: '6.12.1-amd64' });
  });

  it('hands out sets under the files’ names, and refuses two of one name', async () => {
    const { result, store } = await runStep(
      'extract',
      { files: {}, sets: { all: ['boot/*', 'usr/shim.*'] } },
      { root },
    );
    const digests = result.sets['all']!;
    const texts = Object.entries(digests).map(([name, { digest }]) => [
      name,
      readFileSync(blobPath(store, digest), 'utf8'),
    ]);
    expect(Object.fromEntries(texts)).toEqual({
      ...{ 'config-6.12.1-amd64': 'config', 'vmlinuz-6.12.1-amd64': 'kernel', 'shim.signed': 'shim' },
    });
    const twice = treeOf([
      { path: 'a/start.elf', content: '1' },
      { path: 'b/start.elf', content: '2' },
    ]);
    await expect(
      runStep('extract', { files: {}, sets: { all: ['*/start.elf'] } }, { root: twice }),
    ).rejects.toThrow('The tree has several files start.elf (for all)');
    await expect(
      runStep('extract', { files: {}, sets: { all: ['a/*', 'c/*'] } }, { root: twice }),
    ).rejects.toThrow('The tree has no file /c/* (for all)');
  });

  it('names what is missing, and all that match when it must be one', async () => {
    await expect(runStep('extract', { files: { grub: 'usr/lib/grub/*' } }, { root })).rejects.toMatchObject({
      code: 'E_STEP',
      message: expect.stringContaining('/usr/lib/grub/* (for grub)') as string,
    });
    await expect(runStep('extract', { files: { boot: 'boot/*' } }, { root })).rejects.toThrow(
      /config-6\.12\.1-amd64, \/boot\/vmlinuz-6\.12\.1-amd64/,
    );
  });
});
