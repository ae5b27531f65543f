import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { resolveModules, type ModuleIndex } from './kmod.ts';

/** Excerpts of a Debian 13 kernel's indexes. */
const real: ModuleIndex = {
  dep: `kernel/fs/erofs/erofs.ko.xz: kernel/lib/libcrc32c.ko.xz
kernel/lib/libcrc32c.ko.xz:
kernel/fs/overlayfs/overlay.ko.xz:
kernel/drivers/block/loop.ko.xz:
kernel/fs/ext4/ext4.ko.xz: kernel/lib/crc16.ko.xz kernel/fs/mbcache.ko.xz kernel/fs/jbd2/jbd2.ko.xz
kernel/lib/crc16.ko.xz:
kernel/fs/mbcache.ko.xz:
kernel/fs/jbd2/jbd2.ko.xz:
kernel/crypto/crc32c_generic.ko.xz:
kernel/arch/x86/crypto/crc32c-intel.ko.xz:
`,
  builtin: 'kernel/crypto/lzo.ko\nkernel/fs/nls/nls_utf8.ko\n',
  softdep:
    '# Soft dependencies\nsoftdep ext4 pre: crypto-crc32c\nsoftdep libcrc32c pre: crc32c post: other\n',
  alias: 'alias crc32c crc32c_intel\nalias cpu:type:x86,* crc32c_intel\nalias crc32c crc32c_generic\n',
};

describe('resolveModules', () => {
  it('orders a real kernel’s modules; providers of a soft dependency come first and may fail', () => {
    expect(resolveModules(real, ['loop', 'erofs']).map(({ name, optional }) => [name, optional])).toEqual([
      ['loop', false],
      ['crc32c_intel', true],
      ['crc32c_generic', true],
      ['libcrc32c', false],
      ['erofs', false],
    ]);
    expect(resolveModules(real, ['crc32c-intel'])).toEqual([
      { name: 'crc32c_intel', path: 'kernel/arch/x86/crypto/crc32c-intel.ko.xz', optional: false },
    ]);
  });

  it('loads nothing for what is built in, and names what does not exist', () => {
    expect(resolveModules(real, ['nls-utf8'])).toEqual([]);
    expect(() => resolveModules(real, ['zfs'])).toThrow(/no module zfs/);
  });

  it('puts every module after all that it needs, once, in any graph', () => {
    const graph = fc
      .integer({ min: 1, max: 12 })
      .chain((count) =>
        fc.tuple(
          ...Array.from({ length: count }, (_, i) =>
            fc.subarray(Array.from({ length: i }, (_x, j) => `m${j}`)),
          ),
        ),
      );
    fc.assert(
      fc.property(graph, (needs) => {
        const dep = needs
          .map((list, i) => `k/m${i}.ko: ${list.map((name) => `k/${name}.ko`).join(' ')}\n`)
          .join('');
        const wanted = [`m${needs.length - 1}`];
        const names = resolveModules({ dep, builtin: '', softdep: '', alias: '' }, wanted).map(
          ({ name }) => name,
        );
        expect(new Set(names).size).toBe(names.length);
        names.forEach((name, at) => {
          for (const need of needs[Number(name.slice(1))]!) expect(names.slice(0, at)).toContain(need);
        });
        expect(names.at(-1)).toBe(wanted[0]);
      }),
    );
  });
});
