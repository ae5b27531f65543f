/** What differs between two files that should have been the same, in rows for people. */
import { readFile, stat } from 'node:fs/promises';
import { OsmithError } from '../errors.ts';
import { sha256File } from '../run/store.ts';
import { compareListings } from './compare.ts';
import { listPath, type ReadContext } from './read.ts';
import { treeReport, type Row } from './report.ts';
import type { Pair } from './steps.ts';

/** Lines of a text that are shown. */
const SHOWN = 5;
/** Characters of a line that are shown. */
const WIDTH = 160;
/** Bytes of a text that is looked at. */
const LARGEST = 32 << 20;

async function facts(file: string | undefined): Promise<string> {
  if (file === undefined) return '';
  return `${(await stat(file)).size} bytes ${(await sha256File(file)).slice(0, 12)}`;
}

function cut(line = ''): string {
  const text = line.trim();
  return text.length > WIDTH ? `${text.slice(0, WIDTH)}...` : text;
}

async function lines(file: string): Promise<string[] | undefined> {
  if ((await stat(file)).size > LARGEST) return undefined;
  const data = await readFile(file);
  return data.includes(0) ? undefined : data.toString().split('\n');
}

/** The first lines that differ; none if they are not texts. */
async function textRows(a: string, b: string): Promise<Row[]> {
  const [left, right] = [await lines(a), await lines(b)];
  if (left === undefined || right === undefined) return [];
  const rows = Array.from({ length: Math.max(left.length, right.length) }, (_, at): Row => {
    const [one, other] = [left[at], right[at]];
    const change = one === undefined ? 'added' : other === undefined ? 'removed' : 'changed';
    return { change, name: `line ${at + 1}`, a: cut(one), b: cut(other) };
  });
  return rows.filter(({ change }, at) => change !== 'changed' || left[at] !== right[at]).slice(0, SHOWN);
}

/** Paths in two images, if that is what they are. */
async function imageRows(a: string, b: string, context: ReadContext): Promise<Row[]> {
  try {
    const compared = compareListings(await listPath(a, context), await listPath(b, context));
    const keys = compared.neutralised.map((name): Row => {
      return { change: 'changed', name, a: 'in nothing but signatures and keys', b: '' };
    });
    return [...(treeReport(compared).tables[0]?.rows ?? []), ...keys];
  } catch (error) {
    if (error instanceof OsmithError && error.code === 'E_NO_IMAGE') return [];
    throw error;
  }
}

/** As exactly as can be told; that they differ is known. */
export async function pairRows({ what, a, b }: Pair, context: ReadContext): Promise<Row[]> {
  if (a !== undefined && b !== undefined) {
    const images = await imageRows(a, b, context);
    const rows = images.length > 0 ? images : await textRows(a, b);
    if (rows.length > 0) return rows;
  }
  const change = a === undefined ? 'added' : b === undefined ? 'removed' : 'changed';
  return [{ change, name: what, a: await facts(a), b: await facts(b) }];
}
