/** Tables of apps and their sizes, as the Endless image builder prints them. */
import { shownName, type Group } from './apps.ts';
import { formatSize } from './size.ts';
import type { Trimmed, Verdict } from './trim.ts';
import type { ResolvedRef } from './types.ts';

const HEADERS = ['Remote', 'App ID', 'Installed Size', 'Download Size', 'Remove?'] as const;

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

function table({ title, items }: Group, verdicts: ReadonlyMap<string, Verdict>): string {
  const refs = items.flatMap(({ ref, extensions }) => [ref, ...extensions]);
  const withVerdicts = verdicts.size > 0;
  const cells = (ref: ResolvedRef) => [
    ref.remote,
    shownName(ref),
    formatSize(ref.installedSize),
    formatSize(ref.downloadSize),
    ...(withVerdicts ? [verdicts.get(ref.ref) ?? ''] : []),
  ];
  const headers = HEADERS.slice(0, withVerdicts ? 5 : 4);
  const rows = refs.map(cells);
  // Sizes are never wider than their headers.
  const widths = headers.map((header, column) =>
    Math.max(header.length, ...(column < 2 ? rows.map((each) => each[column]!.length) : [])),
  );
  const aligned = (each: readonly string[]) =>
    row(
      each.map((cell, column) => {
        const isSize = column === 2 || column === 3;
        return isSize && each !== headers ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!);
      }),
    );
  const dashes = row(widths.map((width) => '-'.repeat(width)));
  return [`== ${title} ==`, '', aligned(headers), dashes, ...rows.map(aligned), '', ''].join('\n');
}

export interface Totals {
  installedSize: number;
  downloadSize: number;
}

export function totals(refs: readonly ResolvedRef[]): Totals {
  const sum = (sizes: number[]) => sizes.reduce((all, size) => all + size, 0);
  return {
    installedSize: sum(refs.map((ref) => ref.installedSize)),
    downloadSize: sum(refs.map((ref) => ref.downloadSize)),
  };
}

/** All of it; `excess` is 0 where nothing has to go. */
export function appTables(
  groups: readonly Group[],
  { installedSize, downloadSize }: Totals,
  excess: number,
  { verdicts, left }: Trimmed,
): string {
  const after = left > 0 ? 'Over budget' : 'Free space';
  const budget = [
    `Over budget: ${formatSize(excess)}`,
    `${after} after proposed removals: ${formatSize(Math.abs(left))}`,
  ];
  const lines = [
    '',
    `Estimated installed size of apps: ${formatSize(installedSize)}`,
    `Estimated compressed size of apps: ${formatSize(downloadSize)}`,
    ...(excess > 0 ? budget : []),
    '',
    '',
  ];
  return lines.join('\n') + groups.map((group) => table(group, verdicts)).join('');
}
