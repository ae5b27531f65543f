import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { parseIni } from '../config/ini.ts';
import { scene } from '../config/testing.ts';
import { addGlobalOptions } from './globals.ts';
import { register } from './show-config.ts';

function run(...argv: string[]): string {
  const program = new Command('osmith').exitOverride();
  program.configureOutput({ outputError: () => {} });
  addGlobalOptions(program);
  register(program);
  let output = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => ((output += String(text)), true));
  program.parse(argv, { from: 'user' });
  return output;
}

let told = '';
beforeEach(() => {
  told = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => ((told += String(text)), true));
});
afterEach(() => vi.restoreAllMocks());

describe('show-config of the shipped workspace', () => {
  it.each(['amd64', 'arm64'])('%s is complete, and the same when read again', (arch) => {
    const text = run('show-config', 'deb', '--product', 'appliance', '--arch', arch);
    const ini = parseIni(text, 'shown');
    expect(ini.faults).toEqual([]);
    expect(told).toBe('');
    const value = (section: string, option: string) => ini.sections.get(section)?.options.get(option)?.value;
    expect(value('build', 'arch')).toBe(arch);
    expect(value('bootstrap', 'suite')).toBe('trixie');
    expect(value('refine', 'packages')?.split('\n')).toContain(`linux-image-${arch}`);
    expect(text).not.toMatch(/:\/\//);
  });

  it('chooses the base system by branch', () => {
    const shown = JSON.parse(run('--json', 'show-config', 'deb12')) as Record<string, Record<string, string>>;
    expect(shown['bootstrap']?.['suite']).toBe('bookworm');
  });

  it('explains', () => {
    const text = run(
      'show-config',
      '--arch',
      'amd64',
      '--explain',
      'image.CMDLINE',
      '--set',
      'image.cmdline_add=quiet',
    );
    expect(text).toMatch(/^ {2}adds +config\/arch\/amd64\.ini:\d+ +cmdline_add = console=tty0/mu);
    expect(text).toMatch(/^ {2}adds +--set:1 +cmdline_add = quiet$/mu);
    expect(() => run('show-config', '--explain', 'image.cmdlin')).toThrow(
      expect.objectContaining({ code: 'E_USAGE', details: { hint: 'Did you mean image.cmdline?' } }),
    );
  });

  it('tells two variants apart', () => {
    const text = run('show-config', '--arch', 'amd64', '--diff', 'branch=deb12', 'arch=arm64');
    expect(text).toContain('[bootstrap]\n- suite = trixie\n+ suite = bookworm\n');
    expect(text).toContain('- packages = linux-image-amd64\n');
    expect(run('show-config', 'deb', '--diff', 'branch=deb')).toBe('');
    expect(() => run('show-config', '--diff', 'deb12')).toThrow(expect.objectContaining({ code: 'E_USAGE' }));
  });
});

it('gives an environment that a shell reads, with the localdir and without secrets', () => {
  using workspace = scene({
    'ws/config/defaults.ini': "[s]\nx = it's\n two\ny = False\n",
    'local/config/local.ini': '[s]\nnot = read\n',
    'local/config/defaults.ini': '[s]\nz = ${build:localdatadir}\n',
    'local/config/private.ini': '[s]\nkey = hunter2\n',
  });
  const local = join(workspace.dir, 'local');
  const at = ['-C', join(workspace.dir, 'ws'), '--localdir', local, 'show-config'];
  const text = run(...at, '--arch', 'arm64', '--env');
  expect(text).toContain(`OSMITH_S_X='it'\\''s\ntwo'\nOSMITH_S_Y=false\nOSMITH_S_Z=${local}/data\n`);
  expect(text).toContain('OSMITH_ARCH=arm64\n');
  expect(text + run(...at) + run(...at, '--explain', 's.key')).not.toMatch(/hunter2|read/);
});

it('warns on standard error', () => {
  using workspace = scene({
    'ws/config/schema.ini': '[s]\nsize_type = int\n',
    'ws/config/defaults.ini': '[s]\nsiez = 1\n',
  });
  run('-C', join(workspace.dir, 'ws'), 'show-config');
  expect(told).toMatch(
    /^warning: .*defaults\.ini:2: Unknown option siez in \[s\] \(Did you mean size\?\)\n$/,
  );
});

describe('a workspace with an attribute of its own', () => {
  const files = {
    'ws/config/schema.ini':
      '[attributes]\norder = product branch arch platform personality customer\ncustomer = none\n',
    'ws/config/defaults.ini': '[s]\nx = a\n  b\ny = ${build:customer}\n',
    'ws/config/customer/acme.ini': '[s]\nx = b\n  a\nz = 1\n',
    'ws/config/arch-customer/arm64-acme.ini': '[s]\nz = 2\n',
    'ws/config/private.ini': '[s]\nkey = ${y}\n',
  };

  it('takes it from --attribute', () => {
    using workspace = scene(files);
    const at = ['-C', join(workspace.dir, 'ws'), 'show-config', '--attribute', 'arch=arm64'];
    expect(run(...at, '--attribute', 'customer=acme', '--explain', 's.z')).toMatch(
      /overridden +config\/customer\/acme\.ini:4 .*\n.*wins +config\/arch-customer\/arm64-acme\.ini:2/,
    );
    expect(() => run(...at, '--attribute', 'costumer=acme')).toThrow(
      expect.objectContaining({ code: 'E_USAGE' }),
    );
    expect(() => run(...at, '--attribute', 'customer')).toThrow(expect.objectContaining({ code: 'E_USAGE' }));
  });

  it('tells variants apart by it, differences of order too, and what is private not at all', () => {
    using workspace = scene(files);
    const at = ['-C', join(workspace.dir, 'ws'), 'show-config', '--arch', 'arm64', '--diff', 'customer=acme'];
    expect(run(...at)).toBe(
      '[build]\n- customer = none\n+ customer = acme\n\n' +
        '[s]\n- x = a b\n+ x = b a\n- y = none\n+ y = acme\n+ z = 2\n\n',
    );
    expect(JSON.parse(run('--json', ...at))).toEqual([
      { section: 'build', option: 'customer', before: 'none', after: 'acme' },
      { section: 's', option: 'x', before: 'a\nb', after: 'b\na' },
      { section: 's', option: 'y', before: 'none', after: 'acme' },
      { section: 's', option: 'z', after: '2' },
    ]);
  });
});
