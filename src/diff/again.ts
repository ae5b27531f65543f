/** A finished build and the same made again: whether all files are the same bits, and where a difference comes from. */
import { compareSets } from '../pattern/compare.ts';
import { count } from '../report/style.ts';
import { compareBuilds, type BuildFacts } from './builds.ts';
import { pairRows } from './pair.ts';
import type { ReadContext } from './read.ts';
import { buildReport, setTable, type Report, type Table } from './report.ts';
import type { UnstableStep } from './steps.ts';

/** A file of a build. */
export interface BuiltFile {
  size: number;
  sha256: string;
  /** Where it is. */
  path: string;
}

export interface OneBuild {
  facts: BuildFacts;
  /** By name. */
  files: ReadonlyMap<string, BuiltFile>;
}

export interface AgainRequest {
  /** What the first one is called. */
  name: string;
  built: OneBuild;
  again: OneBuild;
  /** Steps that made something else of the same inputs. */
  unstable: readonly UnstableStep[];
  /** What goes into steps and is another than it was, in words; by step. */
  inputs: ReadonlyMap<string, string>;
}

function digests({ files }: OneBuild): Map<string, string> {
  return new Map([...files].map(([name, { size, sha256 }]) => [name, `${sha256} ${size} bytes`]));
}

/** What the steps made, where it is known; else what is in the files. */
async function causes(
  { built, again, unstable }: AgainRequest,
  differing: readonly string[],
  context: ReadContext,
): Promise<Table[]> {
  const tables: Table[] = [];
  for (const { file, pairs, facts } of unstable) {
    const title = `${file} makes something else of the same inputs`;
    const rows = [];
    for (const pair of pairs) rows.push(...(await pairRows(pair, context)));
    if (rows.length === 0 && facts)
      rows.push({ change: 'changed' as const, name: 'what it says of its outputs', a: '', b: '' });
    tables.push({ title, rows });
  }
  if (tables.length > 0) return tables;
  for (const name of differing) {
    const [a, b] = [built.files.get(name)?.path, again.files.get(name)?.path];
    if (a === undefined || b === undefined) continue;
    tables.push({ title: name, rows: await pairRows({ what: name, a, b }, context) });
  }
  return tables;
}

export async function againReport(request: AgainRequest, context: ReadContext): Promise<Report> {
  const { name, built, again, inputs } = request;
  const files = compareSets(digests(built), digests(again));
  const table = setTable('Files', files);
  const total = new Set([...built.files.keys(), ...again.files.keys()]).size;
  if (table.rows.length === 0)
    return {
      verdict: `${name} was made again: ${count(total, 'file')}, the same bits`,
      equal: true,
      tables: [],
    };
  const differing = table.rows.map((row) => row.name);
  const inside = buildReport(compareBuilds(built.facts, again.facts)).tables;
  const changed = [...inputs].map(([step, what]) => ({
    change: 'changed' as const,
    name: step,
    a: what,
    b: '',
  }));
  return {
    verdict: `${name} cannot be made again: ${differing.length} of ${total} files differ`,
    equal: false,
    tables: [
      table,
      // The files are told above.
      ...inside.filter(({ title }) => title !== 'Artifacts'),
      ...(request.unstable.length === 0 && changed.length > 0
        ? [{ title: 'Other inputs', rows: changed }]
        : []),
      ...(await causes(request, differing, context)),
    ],
  };
}
