/** APKINDEX: a paragraph for each package, with one letter for each field (apk-package(5)). */
import { parseDependency, parseProvided, type Dependency, type Provided } from './dependency.ts';

export interface ApkPackage {
  name: string;
  version: string;
  arch: string;
  /** SHA-1 of the package's control stream: `Q1` and base64. */
  checksum: string;
  /** Bytes of the file, and when it is unpacked. */
  size: number;
  installedSize: number;
  /** Seconds since the Unix epoch. */
  date: number;
  origin: string;
  depends: Dependency[];
  provides: Provided[];
  /** The package is installed by itself where all of these are. */
  installIf: Dependency[];
  /** Of what it provides without a version: 0 is never chosen by itself where there are others. */
  priority: number;
  /** The paragraph itself. */
  text: string;
}

const words = (value = '') => value.split(' ').filter((word) => word !== '');

/** Fields with capital letters that are not known here mean something that cannot be ignored. */
const KNOWN = /^(?:[CPVASITULDZFRM]|[a-z])$/;

/** A paragraph, or nothing if apk would not install such a package. */
export function parsePackage(text: string): ApkPackage | undefined {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) if (line[1] === ':') fields.set(line[0]!, line.slice(2));
  const field = (letter: string) => fields.get(letter) ?? '';
  const depends = words(field('D')).map(parseDependency);
  const installIf = words(field('i')).map(parseDependency);
  const isPlain = (list: (Dependency | undefined)[]): list is Dependency[] => !list.includes(undefined);
  const isKnown = [...fields.keys()].every((letter) => KNOWN.test(letter));
  if (!isKnown || !isPlain(depends) || !/^Q1.{27}=$/.test(field('C'))) return undefined;
  if (!/^[A-Za-z0-9][\w.+-]*$/.test(field('P')) || !/^[\w.~-]+$/.test(field('V'))) return undefined;
  return {
    ...{ name: field('P'), version: field('V'), arch: field('A'), checksum: field('C') },
    ...{ size: Number(field('S')), installedSize: Number(field('I')), date: Number(field('t')) },
    ...{ origin: field('o'), depends, provides: words(field('p')).map(parseProvided) },
    ...{ installIf: isPlain(installIf) ? installIf : [], priority: Number(field('k')), text },
  };
}

/** Paragraphs of an index, or of the database of an installed system. */
export function paragraphs(text: string): string[] {
  return text.split(/\n{2,}/).flatMap((paragraph) => paragraph.replace(/^\n+|\n+$/g, '') || []);
}

export function parseIndex(text: string): ApkPackage[] {
  return paragraphs(text).flatMap((paragraph) => parsePackage(paragraph) ?? []);
}
