import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { toObject } from './show.ts';
import { scene, type Scene } from './testing.ts';
import type { Config } from './types.ts';

const SCHEMA = '[s]\nl_type = list\nm_type = list\n[t]\nl_type = list\n';

const option = fc.constantFrom('x', 'y', 'l', 'l_add', 'l_del', 'l_add_core', 'm_add', 'm_del_more');
const piece = fc.constantFrom(
  ...['a', 'b', 'c', '#n', ';n', ' ', '\n  ', '\n\n  ', '=', ':', '[q]', '$$', '$${x}'],
  ...['${x}', '${build:arch}', '${build:srcdir}', '${l}', '${t:m}', '${l_add_core}', '${l_add_defaults}'],
);
const value = fc.array(piece, { maxLength: 5 }).map((pieces) => pieces.join(''));
const body = fc.uniqueArray(fc.tuple(option, value), { selector: ([name]) => name, maxLength: 5 });
const file = fc
  .record({ s: fc.option(body, { nil: undefined }), t: fc.option(body, { nil: undefined }) })
  .map((sections) =>
    Object.entries(sections)
      .filter((entry) => entry[1] !== undefined)
      .map(([name, options]) => `[${name}]\n${options!.map((pair) => pair.join(' = ')).join('\n')}\n`)
      .join(''),
  );
const PUBLIC = ['defaults', 'branch/b', 'arch/arm64', 'branch-arch/b-arm64', 'local'];
const ATTRIBUTES = { branch: 'b', arch: 'arm64' };

/** Values that resolve, without the paths that are different everywhere. */
function values(config: Config): Record<string, string | undefined> {
  return Object.fromEntries(
    config.sections().flatMap((section) =>
      config.options(section).flatMap((name) => {
        if (section === 'build' && /dir$/.test(name)) return [];
        const found = attempt(() => config.get(section, name));
        return [[`${section}.${name}`, found?.replaceAll(config.workspace, 'WORKSPACE')]];
      }),
    ),
  );
}

function attempt<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch {
    return undefined;
  }
}

/** A scene in which the saved text is the only public file, beside the same private ones. */
function reloaded(text: string, name: string, privateText: string): Scene {
  return scene({
    'ws/config/schema.ini': SCHEMA,
    [`ws/config/${name}.ini`]: text,
    'ws/config/private.ini': privateText,
  });
}

it('is loaded with the same values, beside the private files or over the public ones', () => {
  fc.assert(
    fc.property(fc.array(file, { minLength: 5, maxLength: 5 }), file, (texts, privateText) => {
      using workspace = scene({
        'ws/config/schema.ini': SCHEMA,
        ...Object.fromEntries(PUBLIC.map((name, index) => [`ws/config/${name}.ini`, texts[index]!])),
        'ws/config/private.ini': privateText,
      });
      const config = attempt(() => workspace.load({ attributes: ATTRIBUTES }));
      fc.pre(config !== undefined);
      const saved = config.saved('name', 'Osmith');
      expect(saved).not.toContain(workspace.dir);
      const file = join(workspace.dir, 'saved.ini');
      writeFileSync(file, saved);
      const same = workspace.load({ attributes: ATTRIBUTES, saved: file });
      expect(values(same)).toEqual(values(config));
      expect(same.saved('name', 'Osmith')).toBe(saved);
      using alone = reloaded(saved, 'defaults', privateText);
      expect(values(alone.load({ attributes: ATTRIBUTES }))).toEqual(values(config));
      using over = scene({});
      cpSync(join(workspace.dir, 'ws'), join(over.dir, 'ws'), { recursive: true });
      writeFileSync(join(over.dir, 'ws/config/local.ini'), saved);
      const again = over.load({ attributes: ATTRIBUTES });
      expect(values(again)).toEqual(values(config));
      // Saved again it is the same, but for the names of files.
      const sections = (text: string) => text.slice(text.indexOf('\n['));
      expect(sections(again.saved('name', 'Osmith'))).toBe(sections(saved));
    }),
    { numRuns: 50 },
  );
});

it('holds nothing that is private, and says how it came about', () => {
  using workspace = scene({
    'ws/config/defaults.ini': [
      '[image]\nhooks_add = 10-a 20-b\nhooks_add_more = 30-c',
      'url = https://me:${pass}@host/\npass = none\nother = ${hooks_add_more}',
      '[flatpak]\nlocales_add = en fr\n',
    ].join('\n'),
    'ws/config/local.ini': '[image]\nhooks_del = 10-a\n',
    'local/config/arch/arm64.ini': '[image]\nkey = ${build:localdatadir}/key\n',
    'etc/config.ini': '[image]\nuser = me\n',
    'etc/private.ini': '[image]\npass = hunter2\n[flatpak]\nlocales_add = hunter2\n[own]\ntoken = hunter2\n',
  });
  const localdir = join(workspace.dir, 'local');
  const set = ['image.hooks_add=40-d', 'image.user=you'];
  const text = workspace.load({ attributes: ATTRIBUTES, localdir, set }).saved('os_b_arm64', 'Osmith 1');
  expect(text).toBe(`# Configuration of os_b_arm64, saved by Osmith 1
# product = eoscustom
# branch = b
# arch = arm64
# platform = arm64
# personality = base
# from config/defaults.ini system:config.ini localdir:config/arch/arm64.ini config/local.ini
# and --set of image.hooks_add image.user
# What is private is not in here. To load it, make it config/local.ini of a workspace.

[build]
product = eoscustom
branch = b
arch = arm64
platform = arm64
personality = base

[image]
hooks = 20-b
\t30-c
\t40-d
url = https://me:\${pass}@host/
pass = none
other = \${hooks_add_more}
user = you
key = \${build:localdatadir}/key
icon_grid = 
settings = 
settings_locks = 
hooks_add_more = 30-c

[flatpak]
locales_add_defaults = en fr

`);
  mkdirSync(join(workspace.dir, 'new/config'), { recursive: true });
  writeFileSync(join(workspace.dir, 'new/config/local.ini'), text);
  const again = workspace.load({ attributes: ATTRIBUTES, localdir, workspace: join(workspace.dir, 'new') });
  expect(again.list('flatpak', 'locales')).toEqual(['en', 'fr', 'hunter2']);
  expect(toObject(again)['image']).toMatchObject({ hooks: '20-b\n30-c\n40-d', other: '30-c' });
  expect(again.warnings).toEqual([]);
  // In place of all that it was made from, it is saved as it is.
  writeFileSync(join(workspace.dir, 'saved.ini'), text);
  const same = workspace.load({ attributes: ATTRIBUTES, localdir, saved: join(workspace.dir, 'saved.ini') });
  expect(same.saved('os_b_arm64', 'Osmith 1')).toBe(text);
});
