/** Lists of installed packages, as the package managers of distributions keep them. */
import { parseRpmDatabase, parseRpmNdb } from './rpm.ts';
import type { Component, Distribution } from './types.ts';

/** `Key: value` paragraphs between empty lines; lines that go on begin with a space. */
function* paragraphs(text: string, separator: RegExp): Generator<Map<string, string>> {
  for (const block of text.split(/\n(?:[ \t]*\n)+/)) {
    const fields = new Map<string, string>();
    for (const line of block.split('\n')) {
      const [, key, value] = separator.exec(line) ?? [];
      if (key !== undefined && !fields.has(key)) fields.set(key, value!);
    }
    if (fields.size > 0) yield fields;
  }
}

const DEB822 = /^([A-Za-z][\w-]*):\s*(.*?)\s*$/;

/** dpkg's status file, or one of those in status.d. Removed packages whose configuration is left do not count. */
export function parseDpkg(text: string): Component[] {
  const components: Component[] = [];
  for (const fields of paragraphs(text, DEB822)) {
    const name = fields.get('Package');
    const version = fields.get('Version');
    const status = fields.get('Status') ?? 'install ok installed';
    if (name === undefined || version === undefined || !/ installed$/.test(status)) continue;
    const [, source, sourceVersion] = /^(\S+)(?:\s+\((.*)\))?$/.exec(fields.get('Source') ?? '') ?? [];
    components.push({
      ...{ type: 'deb', name, version, arch: fields.get('Architecture') },
      source: { name: source ?? name, version: sourceVersion ?? version },
    });
  }
  return components;
}

/** apk's list: one letter for each field. */
export function parseApk(text: string): Component[] {
  const components: Component[] = [];
  for (const fields of paragraphs(text, /^([A-Za-z]):(.*)$/)) {
    const name = fields.get('P');
    const version = fields.get('V');
    if (name === undefined || version === undefined) continue;
    components.push({
      ...{ type: 'apk', name, version, arch: fields.get('A'), license: fields.get('L') || undefined },
      source: { name: fields.get('o') || name, version },
    });
  }
  return components;
}

/** pacman's description of one package: `%NAME%` and the values below it. */
export function parsePacman(text: string): Component[] {
  const values = (key: string) => new RegExp(`^%${key}%\\n((?:.+\\n?)*)`, 'm').exec(text)?.[1]?.trim();
  const name = values('NAME');
  const version = values('VERSION');
  if (!name || !version) return [];
  return [
    {
      ...{ type: 'alpm', name, version, arch: values('ARCH') },
      license: values('LICENSE')?.split('\n').join(' AND '),
      source: { name: values('BASE') ?? name, version },
    },
  ];
}

const text = (parse: (text: string) => Component[]) => (data: Buffer) => parse(data.toString('utf8'));

const DATABASES: { path: RegExp; parse: (data: Buffer) => Component[] }[] = [
  { path: /^var\/lib\/dpkg\/status$/, parse: text(parseDpkg) },
  // Images without a package manager have a file for each package.
  { path: /^var\/lib\/dpkg\/status\.d\/(?!.*\.md5sums$)[^/]+$/, parse: text(parseDpkg) },
  { path: /^(?:usr\/)?lib\/apk\/db\/installed$/, parse: text(parseApk) },
  { path: /^var\/lib\/pacman\/local\/[^/]+\/desc$/, parse: text(parsePacman) },
  { path: /^(?:var\/lib|usr\/lib\/sysimage)\/rpm\/rpmdb\.sqlite$/, parse: parseRpmDatabase },
  { path: /^(?:var\/lib|usr\/lib\/sysimage)\/rpm\/Packages\.db$/, parse: parseRpmNdb },
];

const OS_RELEASE = /^(?:etc|usr\/lib)\/os-release$/;

/** Whether a file of a system says what is installed in it. */
export function tellsPackages(path: string): boolean {
  return OS_RELEASE.test(path) || DATABASES.some((database) => database.path.test(path));
}

/** `ID` and `VERSION_ID` of os-release(5). */
export function parseOsRelease(content: string): Distribution | undefined {
  const value = (key: string) => {
    const raw = new RegExp(`^${key}=(.*)$`, 'm').exec(content)?.[1]?.trim();
    return raw?.replace(/^(['"])(.*)\1$/, '$2') || undefined;
  };
  const id = value('ID');
  return id === undefined ? undefined : { id, version: value('VERSION_ID') };
}

export interface Installed {
  distribution: Distribution | undefined;
  /** By name. */
  components: Component[];
}

function byText(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** What files of a system, by path, say to be installed in it. Throws an Error for one that cannot be read. */
export function installedPackages(files: ReadonlyMap<string, Buffer>): Installed {
  const components: Component[] = [];
  let distribution: Distribution | undefined;
  for (const [path, data] of files) {
    if (OS_RELEASE.test(path)) distribution ??= parseOsRelease(data.toString('utf8'));
    const database = DATABASES.find((each) => each.path.test(path));
    if (database !== undefined) components.push(...database.parse(data));
  }
  const key = ({ name, version, arch = '' }: Component) => `${name}\0${arch}\0${version}`;
  return { distribution, components: components.sort((a, b) => byText(key(a), key(b))) };
}
