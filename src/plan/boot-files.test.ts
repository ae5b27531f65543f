/** Boot loaders that have names of their own. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadConfig } from '../config/index.ts';
import { makePlan } from './index.ts';

const workspace = join(import.meta.dirname, '../../workspace');

test.each([
  ['suse', { names: { grub: 'grub.efi', mm: 'MokManager.efi' } }],
  ['deb', {}],
])('in %s every medium has the names that its shim looks for', (branch, own) => {
  const set = ['image.formats=raw iso pxe'];
  const { steps } = makePlan(loadConfig({ workspace, attributes: { arch: 'amd64', branch }, set }));
  const media = ['package/disk', 'package/iso', 'package/pxe'].map((id) =>
    steps.find((step) => step.id === id),
  );
  for (const step of media) {
    const { names } = step!.params;
    expect(names === undefined ? {} : { names }).toEqual(own);
  }
});
