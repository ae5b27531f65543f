/** Containers of Arch Linux by its recipe, out of signed repositories that are made here, for each of the groups. */
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWith } from '../src/disk/testing.ts';
import { archContainerPackages } from './support/repos/arch-container.ts';
import { pacmanRepository } from './support/repos/pacman.ts';
import { served, type Served } from './support/repos/served.ts';

const NAME = 'osmith_arch_amd64';

describeWith(['repo-add', 'gpg', 'openssl', 'zstd'], "Arch's recipe", () => {
  let made: Served;

  beforeAll(async () => {
    made = await served({
      ...{ branch: 'arch', packages: archContainerPackages, repository: pacmanRepository },
    });
  });
  afterAll(() => made?.close());

  const out = (group: string) => join(made.dir, group);
  const of = (group: string) => ['--product', 'container', '--personality', group];
  const build = async (group: string, ...more: string[]) => {
    const { exitCode, all } = await made.build(out(group), ...of(group), ...more);
    expect(exitCode, all).toBe(0);
  };
  const scenarios = async (group: string) => {
    const { exitCode, all } = await made.run('test', ...of(group), '--out', out(group));
    expect(exitCode, all).toBe(0);
    return /\d+ scenarios passed.*/.exec(all)?.[0];
  };
  /** What is in the archive. */
  const names = async (group: string) => {
    const { stdout } = await execa('tar', ['-tf', join(out(group), `${NAME}.tar.zst`)]);
    return stdout.split('\n').map((path) => path.replace(/\/$/, ''));
  };
  const unpack = async (group: string, ...paths: string[]) => {
    const root = join(made.dir, `${group}-root`);
    mkdirSync(root, { recursive: true });
    await execa('tar', ['-C', root, '-xf', join(out(group), `${NAME}.tar.zst`), ...paths]);
    return (path: string) => readFileSync(join(root, path), 'utf8');
  };

  test('base: its scenarios pass, and all that scripts would have done is done by hand', async () => {
    await build('base');
    expect(await scenarios('base')).toMatch(/^2 scenarios passed; in the sandbox/);

    const listed = await names('base');
    // Neither scriptlets nor hooks ran.
    expect(listed).not.toContain('etc/scriptlet-ran');
    expect(listed).not.toContain('etc/hook-ran');
    expect(listed).toContain('usr/share/libalpm/hooks/update-ca-trust.hook');
    const kept = (...paths: string[]) => listed.filter((path) => paths.some((dir) => path.startsWith(dir)));
    // What is not unpacked, and what is all the same.
    expect(kept('usr/share/man/', 'usr/share/info/', 'usr/share/locale/de')).toEqual([]);
    expect(listed).not.toContain('usr/share/i18n/locales/de_DE');
    expect(listed).toEqual(
      expect.arrayContaining([
        ...[
          'usr/share/i18n/charmaps/UTF-8.gz',
          'usr/share/i18n/locales/en_GB',
          'usr/share/i18n/locales/i18n',
        ],
        ...[
          'usr/share/i18n/locales/POSIX',
          'usr/share/i18n/locales/iso14651_t1',
          'usr/share/locale/locale.alias',
        ],
      ]),
    );
    // What is left out of the archive.
    expect(kept('dev', 'proc', 'sys', 'etc/resolv.conf', 'etc/machine-id', 'etc/hostname')).toEqual([]);
    expect(kept('root/', 'tmp/', 'var/cache/pacman/pkg/', 'var/lib/pacman/sync/')).toEqual([]);
    const ring = 'etc/pacman.d/gnupg/';
    expect(
      kept(`${ring}private`, `${ring}openpgp`, `${ring}S.`).filter((path) => !path.endsWith('.d')),
    ).toEqual([]);

    const text = await unpack('base', 'etc', 'usr/lib/os-release', 'usr/share/ca-certificates');
    const certificates = (path: string) => text(path).match(/BEGIN (?:TRUSTED )?CERTIFICATE/g)?.length ?? 0;
    const bundle = certificates('etc/ca-certificates/extracted/tls-ca-bundle.pem');
    expect(bundle).toBeGreaterThan(100);
    expect(bundle).toBe(certificates('usr/share/ca-certificates/trust-source/mozilla.trust.p11-kit'));
    expect(text('etc/shadow')).toMatch(/^root:!:/m);
    expect(text('etc/passwd')).toMatch(/^http:x:33:33:/m);
    expect(text('usr/lib/os-release')).toMatch(/^BUILD_ID=rolling\nVERSION_ID=\d{8}$/m);
    const config = text('etc/pacman.conf');
    expect(config).toMatch(/^\[options\]\n# .*\nDisableSandbox(?:Filesystem)?$/m);
    expect(config).toMatch(/^NoExtract = usr\/share\/help\/\*$/m);
    expect(config.indexOf('NoExtract = usr/share/locale/*')).toBeLessThan(
      config.indexOf('NoExtract = !*locale*/en*/*'),
    );
    const home = join(made.dir, 'base-root', ring);
    const { stdout: keys } = await execa('gpg', ['--homedir', home, '--with-colons', '--list-keys']);
    // Packagers' keys, by the distribution's master keys, and the one that was made here.
    expect(keys.match(/^pub:f:/gm)?.length).toBeGreaterThan(0);
    expect(keys.match(/^pub:u:/gm)?.length).toBe(1);
  });

  test.each(['base-devel', 'multilib-devel'])('%s: its scenarios pass', async (group) => {
    await build(group);
    expect(await scenarios(group)).toMatch(/^3 scenarios passed; in the sandbox/);
    const text = await unpack(group, 'etc/pacman.conf');
    expect(text('etc/pacman.conf').includes('\n[multilib]\n')).toBe(group === 'multilib-devel');
  });

  test('repro: the same bytes again', async () => {
    await build('repro');
    expect(await scenarios('repro')).toMatch(/^2 scenarios passed; in the sandbox/);
    expect((await names('repro')).filter((path) => path.startsWith('etc/pacman.d/gnupg/'))).toEqual([]);
    const files = [`${NAME}.tar.zst`, `${NAME}.oci.tar`];
    files.forEach((file) => copyFileSync(join(out('repro'), file), join(made.dir, file)));
    await build('repro', '--from', 'refine');
    for (const file of files) {
      expect(readFileSync(join(out('repro'), file)).equals(readFileSync(join(made.dir, file))), file).toBe(
        true,
      );
    }
  });
});
