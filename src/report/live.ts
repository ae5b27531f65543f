/**
 * The area at the bottom of a terminal that is drawn again and again, below lines that scroll away. Each change is
 * one write that overwrites in place, wrapped in the terminal's "synchronized update", so that nothing flickers.
 */
import type { Output } from './reporter.ts';

const ESC = '\x1b[';
const HIDE_CURSOR = `${ESC}?25l`;
const SHOW_CURSOR = `${ESC}?25h`;
const BEGIN = `${ESC}?2026h`;
const END = `${ESC}?2026l`;
const CLEAR_LINE = `${ESC}K`;
const CLEAR_BELOW = `${ESC}J`;

/** A line with its width on the screen, escape sequences not counted. */
export interface Drawn {
  text: string;
  width: number;
}

export interface LiveArea {
  /** Prints lines for good above the area, then draws the area below them. */
  update(lines: string[], area: Drawn[]): void;
  /** Removes the area and shows the cursor. */
  release(): void;
}

export function columnsOf(stream: Output): number {
  return stream.columns !== undefined && stream.columns > 0 ? stream.columns : 80;
}

export function liveArea(stream: Output): LiveArea {
  let drawn: Drawn[] = [];
  let hidden = false;

  // A terminal made narrower has wrapped what was drawn: count the rows it takes now.
  const toTop = () => {
    const rows = drawn.reduce((sum, { width }) => sum + Math.max(1, Math.ceil(width / columnsOf(stream))), 0);
    return rows === 0 ? '' : `${ESC}${rows}F`;
  };

  return {
    update(lines, area) {
      const hide = hidden ? '' : HIDE_CURSOR;
      const text = [...lines, ...area.map((line) => line.text)]
        .map((line) => `${line}${CLEAR_LINE}\n`)
        .join('');
      stream.write(`${BEGIN}${hide}${toTop()}${text}${CLEAR_BELOW}${END}`);
      drawn = area;
      hidden = true;
    },
    release() {
      if (!hidden) return;
      stream.write(`${toTop()}${CLEAR_BELOW}${SHOW_CURSOR}`);
      drawn = [];
      hidden = false;
    },
  };
}
