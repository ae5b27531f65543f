/** Sizes as GLib's g_format_size() writes them, which desktops show everywhere. */

const UNITS = ['kB', 'MB', 'GB', 'TB', 'PB', 'EB'];
const NO_BREAK = '\u00a0';

export function formatSize(bytes: number): string {
  if (bytes < 1000) return `${bytes} ${bytes === 1 ? 'byte' : 'bytes'}`;
  const power = Math.min(UNITS.length, Math.floor((String(Math.trunc(bytes)).length - 1) / 3));
  const value = bytes / 1000 ** power;
  // Of two equally near numbers C takes the even one, JavaScript the larger.
  return `${(value % 1 === 0.25 ? value - 0.05 : value).toFixed(1)}${NO_BREAK}${UNITS[power - 1]}`;
}
