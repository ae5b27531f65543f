/** A comparison as text and as a page of HTML. */
import type { SetDifference } from '../pattern/index.ts';
import { count, oneLine } from '../report/style.ts';
import type { BuildComparison } from './builds.ts';
import type { Difference, FileFacts, TreeComparison } from './types.ts';

export interface Row {
  change: 'added' | 'removed' | 'changed';
  name: string;
  a: string;
  b: string;
}

export interface Table {
  title: string;
  rows: Row[];
}

export interface Report {
  /** In one sentence. */
  verdict: string;
  equal: boolean;
  tables: Table[];
}

/** What two sets of named things have different. */
export function setTable(title: string, { added, removed, changed }: SetDifference): Table {
  const rows: Row[] = [
    ...removed.map(({ name, value }): Row => ({ change: 'removed', name, a: value, b: '' })),
    ...added.map(({ name, value }): Row => ({ change: 'added', name, a: '', b: value })),
    ...changed.map(({ name, from, to }): Row => ({ change: 'changed', name, a: from, b: to })),
  ];
  return { title, rows };
}

export function buildReport({ equal, manifest, config }: BuildComparison): Report {
  const artifacts = setTable('Artifacts', manifest.artifacts);
  const other = setTable('Manifest', manifest.other);
  // What `images` says of artifacts that differ, differs with them.
  const told =
    artifacts.rows.length > 0 ? other.rows.filter(({ name }) => !name.startsWith('images.')) : other.rows;
  const tables = [
    setTable('Packages', manifest.packages),
    artifacts,
    { ...other, rows: told },
    ...(config === undefined ? [] : [setTable('Configuration', config)]),
  ].filter(({ rows }) => rows.length > 0);
  return { verdict: equal ? 'The builds are the same' : 'The builds differ', equal, tables };
}

function factsText(facts: FileFacts | undefined, { what, change }: Difference): string {
  if (facts === undefined) return '';
  const { type, mode, owner, size, digest, detail } = facts;
  const wanted = change === 'changed' ? what : [];
  const parts = [
    ...(change !== 'changed' || wanted.includes('type') ? [type] : []),
    ...(wanted.includes('mode') ? [mode!.toString(8).padStart(4, '0')] : []),
    ...(wanted.includes('owner') ? [owner!] : []),
    ...(wanted.includes('target') ? [detail ?? '-'] : []),
    ...(wanted.includes('content') ? [`${size ?? '?'} bytes ${digest?.slice(0, 12)}`] : []),
  ];
  return parts.join(' ');
}

export function treeReport({ differences, neutralised, same }: TreeComparison): Report {
  const equal = differences.length === 0;
  const keys =
    neutralised.length > 0 ? `; ${count(neutralised.length, 'file')} but for signatures and keys` : '';
  const verdict = equal
    ? `The contents are the same: ${count(same + neutralised.length, 'path')}${keys}`
    : `The contents differ: ${count(differences.length, 'path')}; ${same + neutralised.length} are the same${keys}`;
  const rows = differences.map((difference): Row => {
    const { path, change, a, b } = difference;
    return { change, name: path, a: factsText(a, difference), b: factsText(b, difference) };
  });
  return { verdict, equal, tables: rows.length === 0 ? [] : [{ title: 'Files', rows }] };
}

const MARKS = { added: '+', removed: '-', changed: '!' };

export function textReport({ verdict, tables }: Report): string {
  const lines = tables.flatMap(({ title, rows }) => [
    `${title}:`,
    ...rows.map(({ change, name, a, b }) => {
      const values = [a, b].filter((value) => value !== '').map(oneLine);
      return `${MARKS[change]} ${[oneLine(name), values.join(' -> ')].filter((part) => part !== '').join('  ')}`;
    }),
  ]);
  return [verdict, ...lines].map((line) => `${line}\n`).join('');
}

const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function escape(text: string): string {
  return oneLine(text).replaceAll(/[&<>"]/g, (mark) => ESCAPES[mark]!);
}

const STYLE = `body{font:14px/1.5 system-ui,sans-serif;margin:2em auto;max-width:80em;padding:0 1em;color:#222;background:#fff}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.2em .6em;border-bottom:1px solid #ddd;overflow-wrap:anywhere;vertical-align:top}
td:first-child{white-space:nowrap}.added{color:#16702e}.removed{color:#a4161a}.changed{color:#7a4d00}code{font-size:13px}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#161616}td,th{border-color:#333}.added{color:#7ad492}.removed{color:#ff8a8a}.changed{color:#e5b567}}`;

/** One page without scripts or anything to fetch. Names in images may be anything: nothing of them becomes markup. */
export function htmlReport(names: { a: string; b: string }, { verdict, tables }: Report): string {
  const sections = tables.map(({ title, rows }) => {
    const body = rows.map(
      ({ change, name, a, b }) =>
        `<tr><td class="${change}">${change}</td><td><code>${escape(name)}</code></td><td>${escape(a)}</td><td>${escape(b)}</td></tr>`,
    );
    const head = `<tr><th></th><th></th><th>${escape(names.a)}</th><th>${escape(names.b)}</th></tr>`;
    return `<h2>${title} (${rows.length})</h2>\n<table>\n${head}\n${body.join('\n')}\n</table>`.replaceAll(
      '\\\n',
      '\n',
    );
  });
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escape(verdict)}</title><style>${STYLE}</style></head>
<body><h1>${escape(verdict)}</h1>
${sections.join('\n')}
</body></html>
`;
}
