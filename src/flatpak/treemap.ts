/** A page that shows apps and runtimes by their sizes: one file, without scripts, to look at anywhere. */
import { squarify, type Box } from '../report/squarify.ts';
import { shownName, type Group } from './apps.ts';
import { parseRef } from './ref.ts';
import { formatSize } from './size.ts';
import type { Totals } from './tables.ts';
import type { Verdict } from './trim.ts';
import type { ResolvedRef } from './types.ts';

const WIDTH = 1400;
const HEIGHT = 860;
/** Of the line with a group's title. */
const TITLE = 24;
const GAP = 3;
/** How wide a character of a sans-serif font is at most times, as a part of its height. */
const CHARACTER = 0.56;
/** Heights of letters. */
const SMALLEST = 10;
const LARGEST = 22;

type Kind = 'app' | 'runtime' | 'extension';

interface Tile {
  ref: ResolvedRef;
  kind: Kind;
}

const KINDS: Record<Kind, string> = {
  app: 'Apps',
  runtime: 'Runtimes',
  extension: 'Extensions, translations',
};

const STYLE = `
body { margin: 0 auto; max-width: ${WIDTH}px; padding: 24px; background: #fff; color: #1c1f24;
  font: 15px/1.45 system-ui, "Cantarell", "Noto Sans", sans-serif }
h1 { font-size: 24px; margin: 0 0 4px } h2 { font-size: 18px; margin: 32px 0 8px }
p { margin: 4px 0 } .total b { font-size: 18px }
.legend { display: flex; flex-wrap: wrap; gap: 6px 22px; margin: 12px 0; color: #4a515c }
.legend i { display: inline-block; width: 14px; height: 14px; margin-right: 7px; border-radius: 3px; vertical-align: -2px }
svg { display: block; width: 100%; height: auto } svg text { font-family: inherit; fill: #16202c; pointer-events: none }
.group { fill: #f2f4f7; stroke: #c9d0d9 } .head { font-weight: 600 } .size { fill-opacity: .72 }
.tile:hover { stroke: #16202c; stroke-width: 2 }
.app { fill: #a9cdf3; background: #a9cdf3 } .runtime { fill: #b9dfb6; background: #b9dfb6 }
.extension { fill: #eadcae; background: #eadcae }
.Yes { stroke: #c01c28; stroke-width: 3 } .Maybe { stroke: #c01c28; stroke-width: 3; stroke-dasharray: 7 5 }
.legend .Yes { border: 3px solid #c01c28; width: 9px; height: 9px }
.legend .Maybe { border: 3px dashed #c01c28; width: 9px; height: 9px }
table { border-collapse: collapse; width: 100% } td, th { text-align: left; padding: 4px 24px 4px 0; border-bottom: 1px solid #e3e7ec }
td.n, th.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums } td.x { padding-left: 22px; color: #4a515c }`;

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}

/** Each ref once, under the first that has it. */
function tilesOf(groups: readonly Group[]): { title: string; tiles: Tile[]; size: number }[] {
  const seen = new Set<string>();
  return groups
    .map(({ title, items }) => {
      const all = items.flatMap(({ ref, extensions }): Tile[] => [
        { ref, kind: parseRef(ref.ref).kind },
        ...extensions.map((extension): Tile => ({ ref: extension, kind: 'extension' })),
      ]);
      const tiles = all.filter(({ ref }) => ref.installedSize > 0 && !seen.has(ref.ref) && seen.add(ref.ref));
      tiles.sort((a, b) => b.ref.installedSize - a.ref.installedSize);
      return { title, tiles, size: tiles.reduce((sum, { ref }) => sum + ref.installedSize, 0) };
    })
    .filter(({ size }) => size > 0)
    .sort((a, b) => b.size - a.size);
}

/** As much of a text as fits. */
function fit(text: string, width: number, fontSize: number): string {
  const room = Math.floor(width / (fontSize * CHARACTER));
  return text.length <= room ? text : room < 4 ? '' : `${text.slice(0, room - 1)}…`;
}

/** The end of an id is what people know: org.gnome.Maps is Maps. Of runtimes and extensions it would say too little. */
function label({ ref, kind }: Tile): string {
  const { id, branch } = parseRef(ref.ref);
  const parts = id.split('.');
  const end = parts.slice(kind !== 'app' || /^[a-z]{2}$/.test(parts.at(-1)!) ? -2 : -1).join('.');
  return kind === 'runtime' ? `${end} ${branch}` : end;
}

function number(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function rectangle({ x, y, width, height }: Box, attributes: string): string {
  const [w, h] = [Math.max(0, width), Math.max(0, height)];
  return `<rect x="${number(x)}" y="${number(y)}" width="${number(w)}" height="${number(h)}" ${attributes}`;
}

function tile(shown: Tile, box: Box, verdict: Verdict | undefined): string {
  const { ref, kind } = shown;
  const { x, y, width, height } = box;
  const sizes = `${formatSize(ref.installedSize)} installed, ${formatSize(ref.downloadSize)} to download`;
  const hint = verdict === undefined ? '' : `\nRemove? ${verdict}`;
  const title = escape(`${shownName(ref)}\n${sizes}\nfrom ${ref.remote}${hint}`);
  const lines = [
    `<g>${rectangle(box, `class="tile ${kind} ${verdict ?? ''}" rx="3"><title>${title}</title></rect>`)}`,
  ];
  const text = label(shown);
  // Large tiles have large letters; but rather smaller ones than a name that is cut off.
  const wanted = Math.max(SMALLEST, Math.min(LARGEST, Math.sqrt(width * height) / 8));
  const fontSize = Math.max(SMALLEST, Math.min(wanted, (width - 10) / (text.length * CHARACTER)));
  const name = fit(text, width - 10, fontSize);
  if (name !== '' && height > fontSize + 6) {
    const at = (line: number) => `x="${number(x + 6)}" y="${number(y + 3 + line)}"`;
    lines.push(`<text ${at(fontSize)} font-size="${number(fontSize)}">${escape(name)}</text>`);
    const small = Math.max(SMALLEST, fontSize * 0.78);
    const size = formatSize(ref.installedSize);
    if (height > fontSize + small + 12 && fit(size, width - 10, small) === size) {
      lines.push(
        `<text ${at(fontSize + small + 4)} font-size="${number(small)}" class="size">${size}</text>`,
      );
    }
  }
  return `${lines.join('')}</g>`;
}

function drawing(groups: ReturnType<typeof tilesOf>, verdicts: ReadonlyMap<string, Verdict>): string {
  const boxes = squarify(
    groups.map(({ size }) => size),
    { x: 0, y: 0, width: WIDTH, height: HEIGHT },
  );
  const parts = groups.flatMap(({ title, tiles, size }, index) => {
    const outer = shrink(boxes[index]!, GAP / 2);
    // A group too flat for its title shows its tiles alone.
    const top = outer.height > 3 * TITLE ? TITLE : 0;
    const inner = shrink({ ...outer, y: outer.y + top, height: outer.height - top }, GAP);
    const heading = escape(`${title}\n${formatSize(size)} installed`);
    const drawn = [`<g>${rectangle(outer, `class="group" rx="5"><title>${heading}</title></rect></g>`)}`];
    const whole = `${title}  ·  ${formatSize(size)}`;
    const room = outer.width - 14;
    const text = fit(whole, room, 14) === whole ? whole : fit(title, room, 14);
    if (top > 0) {
      drawn.push(
        `<text class="head" font-size="14" x="${number(outer.x + 7)}" y="${number(outer.y + 17)}">${escape(text)}</text>`,
      );
    }
    const areas = squarify(
      tiles.map(({ ref }) => ref.installedSize),
      inner,
    );
    return [
      ...drawn,
      ...tiles.map((each, at) => tile(each, shrink(areas[at]!, 1), verdicts.get(each.ref.ref))),
    ];
  });
  const size = `viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Installed sizes, by runtime"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size}>\n${parts.join('\n')}\n</svg>`;
}

function shrink({ x, y, width, height }: Box, by: number): Box {
  return { x: x + by, y: y + by, width: Math.max(0, width - 2 * by), height: Math.max(0, height - 2 * by) };
}

function listing({ title, items }: Group, verdicts: ReadonlyMap<string, Verdict>): string {
  const line = (ref: ResolvedRef, kind: string) => {
    const verdict = verdicts.size === 0 ? '' : `<td>${verdicts.get(ref.ref) ?? ''}</td>`;
    const sizes = [ref.installedSize, ref.downloadSize].map(
      (size) => `<td class="n">${formatSize(size)}</td>`,
    );
    return `<tr><td class="${kind}">${escape(shownName(ref))}</td><td>${escape(ref.remote)}</td>${sizes.join('')}${verdict}</tr>`;
  };
  const rows = items.flatMap(({ ref, extensions }) => [
    line(ref, ''),
    ...extensions.map((each) => line(each, 'x')),
  ]);
  const remove = verdicts.size === 0 ? '' : '<th>Remove?</th>';
  const header = `<tr><th>App or runtime</th><th>Remote</th><th class="n">Installed</th><th class="n">Download</th>${remove}</tr>`;
  return `<h2>${escape(title)}</h2>\n<table>\n${header}\n${rows.join('\n')}\n</table>`;
}

export interface PageOptions {
  /** What it is about. */
  title: string;
  totals: Totals;
  verdicts: ReadonlyMap<string, Verdict>;
}

export function treemapPage(groups: readonly Group[], { title, totals, verdicts }: PageOptions): string {
  const kinds = Object.entries(KINDS).map(([kind, text]) => `<span><i class="${kind}"></i>${text}</span>`);
  const removals = [
    '<span><i class="Yes"></i>Remove</span>',
    '<span><i class="Maybe"></i>Remove if it must be</span>',
  ];
  const legend = [
    ...kinds,
    ...(verdicts.size === 0 ? [] : removals),
    '<span>Areas are installed sizes</span>',
  ];
  const { installedSize, downloadSize } = totals;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escape(title)}</title><style>${STYLE}</style></head><body>
<h1>${escape(title)}</h1>
<p class="total"><b>${formatSize(installedSize)}</b> installed, <b>${formatSize(downloadSize)}</b> to download</p>
<div class="legend">${legend.join('')}</div>
${drawing(tilesOf(groups), verdicts)}
${groups.map((group) => listing(group, verdicts)).join('\n')}
</body></html>
`;
}
