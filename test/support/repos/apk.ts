/** A repository of Alpine's family, in the format of abuild and apk: made by Python, signed by openssl. */
import { existsSync, mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { execa, execaSync } from 'execa';
import { FILE } from '../../../src/run/layer/entry.ts';
import { EPOCH, type TestEntry } from '../../../src/steps/testing.ts';
import type { SigningKey } from './openpgp.ts';
import type { TestPackage } from './packages.ts';

/** What only apk's packages have. */
export interface ApkPackage extends TestPackage {
  arch?: string;
  provides?: string[];
  installIf?: string[];
  replaces?: string[];
  priority?: number;
  origin?: string;
  triggers?: string[];
  /** Besides the one that runs after the package was unpacked. */
  scripts?: Record<string, string>;
  /** By path: the name of the owner, where that is not the one of the number. */
  owners?: Record<string, string>;
}

/** `1:2.3~rc1-4` in apk's words. */
export function apkVersion(version: string): string {
  return version
    .replace(/^\d+:/, '')
    .replace('~', '_')
    .replace(/-(\d+)$/, '-r$1');
}

const KEY_NAME = 'rsa.pub';

/** The directory of the public RSA key that goes with a key; made when it is first asked for. */
export function apkKeys(key: SigningKey): string {
  const dir = `${key.home}.keys`;
  const file = join(dir, `${basename(dir)}.${KEY_NAME}`);
  if (existsSync(file)) return dir;
  mkdirSync(dir, { recursive: true });
  execaSync('openssl', ['genrsa', '-out', join(key.home, 'key.rsa'), '2048']);
  execaSync('openssl', ['rsa', '-in', join(key.home, 'key.rsa'), '-pubout', '-out', file]);
  return dir;
}

function entryOf(
  { path, type = FILE, mode, uid, gid, link, content = '', xattrs }: TestEntry,
  uname?: string,
) {
  const attributes = [...(xattrs ?? [])].map(([name, value]) => [name, value.toString('base64')]);
  return {
    ...{ path, kind: type, mode, uid, gid, link, uname },
    content: Buffer.from(content as string).toString('base64'),
    xattrs: Object.fromEntries(attributes) as Record<string, string>,
  };
}

function describePackage(pkg: ApkPackage, arch: string): object {
  const { name, version, conflicts, entries, script, scripts = {}, owners = {}, priority } = pkg;
  const { provides = [], installIf = [], replaces = [], triggers = [], origin = name } = pkg;
  const own = script === '' ? {} : { 'post-install': `#!/bin/sh\n${script}` };
  const depends = [...pkg.depends, ...conflicts.map((other) => `!${other}`)];
  return {
    ...{ name, version: apkVersion(version), arch: pkg.arch ?? arch },
    info: {
      ...{ origin: [origin], depend: depends, provides, install_if: installIf, replaces, builddate: [EPOCH] },
      ...(triggers.length > 0 && { triggers: [triggers.join(' ')] }),
    },
    index: {
      ...{ o: origin, t: String(EPOCH), ...(priority && { k: String(priority) }) },
      ...{ D: depends.join(' '), p: provides.join(' '), i: installIf.join(' ') },
    },
    scripts: { ...scripts, ...own },
    entries: entries.map((entry) => entryOf(entry, owners[entry.path])),
  };
}

/** `ROOT/v3.22/main/ARCH`: packages and index. Without a key nothing is signed. */
export async function apkRepository(
  packages: ApkPackage[],
  root: string,
  key?: SigningKey,
  { path = 'v3.22/main', arch = 'x86_64' } = {},
): Promise<void> {
  const directory = join(root, path, arch);
  const [dir] = key === undefined ? [] : [apkKeys(key)];
  const signer = dir === undefined ? [] : [join(key!.home, 'key.rsa'), `${basename(dir)}.${KEY_NAME}`];
  const input = JSON.stringify(packages.map((pkg) => describePackage(pkg, arch)));
  await execa('python3', [join(import.meta.dirname, 'apk.py'), directory, ...signer], { input });
}

/** `NAME VERSION` of each package in an installed system's database, read by nobody's parser. */
export async function apkQuery(root: string): Promise<string[]> {
  const file = ['lib', 'usr/lib'].map((dir) => join(root, dir, 'apk/db/installed')).find(existsSync)!;
  const { stdout } = await execa('awk', [
    '-F:',
    '/^P:/{p=substr($0,3)} /^V:/{print p " " substr($0,3)}',
    file,
  ]);
  return stdout.split('\n');
}
