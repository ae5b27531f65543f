/** Plans of distributions that lack what starts a system: it comes from the tools' distribution. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadConfig } from '../config/index.ts';
import { makePlan } from './index.ts';
import type { Plan } from './types.ts';

const workspace = join(import.meta.dirname, '../../workspace');

function plan(attributes: Record<string, string>, ...set: string[]): Plan {
  return makePlan(loadConfig({ workspace, attributes: { arch: 'amd64', ...attributes }, set }));
}

function step({ steps }: Plan, id: string) {
  return steps.find((each) => each.id === id);
}

test("Arch Linux signs no boot loaders: those of Debian's packages start its kernel", () => {
  const arch = plan({ branch: 'arch' });
  expect(step(arch, 'loaders/resolve')!.params).toMatchObject({
    ...{ distro: 'debian', suite: 'trixie', packages: ['shim-signed', 'grub-efi-amd64-signed'] },
  });
  expect(step(arch, 'package/boot-files')!.params).toEqual({
    files: { vmlinuz: 'usr/lib/modules/*/vmlinuz' },
  });
  expect(step(arch, 'package/disk')).toMatchObject({
    params: { grubDir: 'EFI/debian' },
    inputs: {
      shim: { step: 'loaders/files', output: 'shim' },
      vmlinuz: { step: 'package/boot-files', output: 'vmlinuz' },
    },
  });
  // Kernel and initrd alone need none of them, nor does anybody who has them.
  expect(step(plan({ branch: 'arch' }, 'image.formats=vmlinuz initrd'), 'loaders/files')).toBeUndefined();
  expect(step(plan({ branch: 'fed' }), 'loaders/files')).toBeUndefined();
});

test('what cannot do with those is refused before any work', () => {
  expect(() => plan({ branch: 'arch', product: 'desktop' })).toThrow(
    expect.objectContaining({
      code: 'E_CONFIG',
      message: 'Arch Linux has no signed boot loaders, which this system needs',
      details: expect.objectContaining({ where: expect.anything() as object }) as object,
    }),
  );
  expect(() => plan({ branch: 'arch' }, 'tools.distro=arch')).toThrow(
    /distribution of the tools has no signed/,
  );
});

test("AlmaLinux has no static busybox: its initrd runs Debian's", () => {
  const alma = plan({ branch: 'alma' });
  expect(step(alma, 'starter/resolve')!.params).toMatchObject({
    distro: 'debian',
    packages: ['busybox-static'],
  });
  expect(step(alma, 'package/initrd')!.inputs).toMatchObject({
    busybox: { step: 'starter/tree', output: 'tree' },
  });
  expect(step(plan({ branch: 'fed' }), 'package/initrd')!.inputs).not.toHaveProperty('busybox');
});
