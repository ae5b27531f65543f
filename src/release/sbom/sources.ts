/**
 * Lists of sources: what everything installed was built from, for whoever must hand that out. CSV with a line for each
 * source; the names of the binary packages and their licences, parted by blanks and ` AND `, stand beside it.
 */
import type { Component } from './types.ts';

export interface Source {
  /** `deb`, `apk`, `rpm`, `alpm` */
  type: string;
  name: string;
  version: string;
  packages: string[];
  licenses: string[];
}

const HEAD = ['type', 'name', 'version', 'packages', 'licenses'];

/** Bytewise order. */
export function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function sorted(values: Iterable<string>): string[] {
  return [...new Set(values)].sort(compareBytes);
}

/** What identifies a source. */
export function sourceKey({ type, name, version }: Pick<Source, 'type' | 'name' | 'version'>): string {
  return `${type} ${name} ${version}`;
}

export function sourcesOf(components: readonly Component[]): Source[] {
  const found = new Map<string, Source>();
  for (const { type, name, version, source = { name, version }, license } of components) {
    const key = sourceKey({ type, ...source });
    const known = found.get(key) ?? { type, ...source, packages: [], licenses: [] };
    found.set(key, {
      ...known,
      packages: sorted([...known.packages, name]),
      licenses: sorted([...known.licenses, ...(license?.split(' AND ') ?? [])]),
    });
  }
  return [...found.values()].sort((a, b) => compareBytes(sourceKey(a), sourceKey(b)));
}

/** RFC 4180, with line feeds. */
export function csvField(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function formatSources(sources: readonly Source[]): string {
  const rows = sources.map(({ type, name, version, packages, licenses }) => [
    ...[type, name, version, packages.join(' '), licenses.join(' AND ')],
  ]);
  return [HEAD, ...rows].map((row) => `${row.map(csvField).join(',')}\n`).join('');
}

/** The fields of a line. */
export function csvFields(line: string): string[] {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain!,
  );
}

/** Throws an Error with the number of the line that is wrong. */
export function parseSources(text: string): Source[] {
  const [head = '', ...lines] = text.replace(/\n$/, '').split('\n');
  if (head !== HEAD.join(',')) throw new Error(`line 1: it must be ${HEAD.join(',')}`);
  return lines.map((line, i) => {
    const [type, name, version, packages, licenses, ...more] = csvFields(line);
    if (!type || !name || !version || packages === undefined || licenses === undefined || more.length > 0)
      throw new Error(`line ${i + 2}: it must have the five fields ${HEAD.join(', ')}`);
    const list = (value: string, separator: string) => (value === '' ? [] : value.split(separator));
    return { type, name, version, packages: list(packages, ' '), licenses: list(licenses, ' AND ') };
  });
}

export interface SourcesDifference {
  /** In both. */
  same: number;
  onlyFirst: Source[];
  onlySecond: Source[];
}

export function compareSources(first: readonly Source[], second: readonly Source[]): SourcesDifference {
  const missing = (from: readonly Source[], of: readonly Source[]) => {
    const keys = new Set(from.map(sourceKey));
    return of.filter((source) => !keys.has(sourceKey(source)));
  };
  const onlyFirst = missing(second, first);
  return { same: first.length - onlyFirst.length, onlyFirst, onlySecond: missing(first, second) };
}
