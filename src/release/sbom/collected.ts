/**
 * The manifest of collected sources: a line for each file, with the source that it belongs to. A source that could not
 * be had has one line without a path, and why.
 */
import { compareBytes, csvField, csvFields, sourceKey, type Source } from './sources.ts';

export interface CollectedFile {
  type: string;
  name: string;
  version: string;
  /** In the archive; empty: it could not be had. */
  path: string;
  /** Why not. */
  reason: string;
}

/** First member of an archive of sources. */
export const MANIFEST = 'collected_sources.csv';

const HEAD = ['type', 'name', 'version', 'path', 'missing'];

export function formatCollected(files: readonly CollectedFile[]): string {
  const rows = files
    .map(({ type, name, version, path, reason }) =>
      [type, name, version, path, reason].map(csvField).join(','),
    )
    .sort(compareBytes);
  return [HEAD.join(','), ...rows].map((row) => `${row}\n`).join('');
}

export function isCollected(text: string): boolean {
  return text.startsWith(`${HEAD.join(',')}\n`);
}

/** Throws an Error with the number of the line that is wrong. */
export function parseLines(text: string): CollectedFile[] {
  const lines = text.trimEnd().split('\n').slice(1);
  return lines.map((line, i) => {
    const [type, name, version, path, reason, ...more] = csvFields(line);
    if (!type || !name || !version || path === undefined || reason === undefined || more.length > 0)
      throw new Error(`line ${i + 2}: it must have the five fields ${HEAD.join(', ')}`);
    return { type, name, version, path, reason };
  });
}

/** The sources that were had. Throws as above. */
export function parseCollected(text: string): Source[] {
  const had = parseLines(text).filter(({ path }) => path !== '');
  const sources = had.map(({ type, name, version }) => ({ type, name, version, packages: [], licenses: [] }));
  return [...new Map(sources.map((source) => [sourceKey(source), source])).values()];
}
