import { stripVTControlCharacters, styleText } from 'node:util';

export type Format = Parameters<typeof styleText>[0];
export type Style = (format: Format, text: string) => string;

/** Colours text if the stream shows colours. NO_COLOR and FORCE_COLOR decide where they are set. */
export function styleFor(stream: NodeJS.WritableStream): Style {
  return (format, text) => styleText(format, text, { stream });
}

/** One line of text that cannot disturb the terminal: no control characters, no line breaks. */
export function oneLine(text: string): string {
  return stripVTControlCharacters(text)
    .replaceAll(/[\p{Cc}\s]+/gu, ' ')
    .trim();
}

/** Cuts plain text to a number of columns, with an ellipsis where something is missing. */
export function cut(text: string, columns: number): string {
  const points = Array.from(text);
  if (points.length <= columns) return text;
  return columns < 1 ? '' : `${points.slice(0, columns - 1).join('')}…`;
}

/** A duration for people: `0.4s`, `12.3s`, `3m 05s`, `1h 02m`. */
export function duration(ms: number): string {
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)}s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${pad(seconds % 60)}s`;
  return `${Math.floor(seconds / 3600)}h ${pad(Math.floor(seconds / 60) % 60)}m`;
}

/** `1 step`, `2 steps`. */
export function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}

function pad(n: number): string {
  return String(n).padStart(2, '0');
}
