/**
 * Library files of Docker's official images: which commit of which repository an image is built from. RFC 2822 fields in
 * paragraphs, as bashbrew reads them (its `manifest` package); the first paragraph holds what all others inherit.
 */
import type { Fault } from '../../config/fault.ts';

/** Names as the format spells them; each may be said for one architecture as well, as in `amd64-GitCommit`. */
export const PER_ARCH = ['GitRepo', 'GitFetch', 'GitCommit', 'Directory', 'File', 'Builder'] as const;
export const FIELDS = [
  'Maintainers',
  'Tags',
  'SharedTags',
  'Architectures',
  ...PER_ARCH,
  'Constraints',
] as const;

export interface Field {
  value: string;
  line: number;
}

/** Fields by name, in the order in which they stand. */
export type Paragraph = Map<string, Field>;

export interface Library {
  /** Lines that begin with `#`, before the first paragraph, without the mark. */
  comments: string[];
  global: Paragraph;
  entries: Paragraph[];
}

const DEFAULTS: Record<string, string> = {
  Architectures: 'amd64',
  GitFetch: 'refs/heads/master',
  Directory: '.',
  File: 'Dockerfile',
};

/** Lists are separated by commas, and may go over several lines. */
export function listOf(value: string): string[] {
  return value
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
}

/** What holds for an entry: its own value for the architecture, its own, the one for all, or the format's default. */
export function fieldOf(library: Library, entry: Paragraph, name: string, arch?: string): Field | undefined {
  const names = arch === undefined ? [name] : [`${arch}-${name}`, name];
  for (const paragraph of [entry, library.global]) {
    for (const each of names) if (paragraph.has(each)) return paragraph.get(each);
  }
  const value = DEFAULTS[name];
  return value === undefined ? undefined : { value, line: 0 };
}

/** Reads a library file. What cannot be read is a fault with its line; the rest is read all the same. */
export function parseLibrary(text: string, file: string): { library: Library; faults: Fault[] } {
  const faults: Fault[] = [];
  const fault = (line: number, message: string) => faults.push({ message, where: { file, line } });
  const library: Library = { comments: [], global: new Map(), entries: [] };
  const paragraphs: Paragraph[] = [];
  let paragraph: Paragraph | undefined;
  let last: Field | undefined;
  for (const [index, raw] of text.split('\n').entries()) {
    const line = index + 1;
    const content = raw.trimEnd();
    if (content.startsWith('#')) {
      if (paragraphs.length === 0) library.comments.push(content.slice(1).trim());
    } else if (content === '') {
      paragraph = last = undefined;
    } else if (/^[ \t]/.test(content)) {
      if (last === undefined) fault(line, 'This line continues nothing');
      else last.value = `${last.value} ${content.trim()}`.trim();
    } else {
      const [, name, value] = /^([^\s:]+)\s*:\s*(.*)$/.exec(content) ?? [];
      if (name === undefined) {
        fault(line, `This line is no field: ${JSON.stringify(content.slice(0, 60))}`);
        continue;
      }
      if (paragraph === undefined) paragraphs.push((paragraph = new Map<string, Field>()));
      if (paragraph.has(name)) fault(line, `${name} stands twice in this paragraph`);
      paragraph.set(name, (last = { value: value!, line }));
    }
  }
  const [global, ...entries] = paragraphs;
  return { library: { ...library, global: global ?? new Map<string, Field>(), entries }, faults };
}

/** Lists over several lines are lined up below their first word. */
function formatField([name, value]: [string, string | string[]]): string {
  if (typeof value === 'string') return `${name}: ${value}`;
  return `${name}: ${value.join(`,\n${' '.repeat(name.length + 2)}`)}`;
}

/** The text of a library file. Maintainers get a line each; other lists go on one line as strings. */
export function formatLibrary(
  comments: readonly string[],
  paragraphs: readonly Record<string, string | string[]>[],
): string {
  const blocks = [
    ...(comments.length === 0 ? [] : [comments.map((comment) => `# ${comment}`).join('\n')]),
    ...paragraphs.map((paragraph) => Object.entries(paragraph).map(formatField).join('\n')),
  ];
  return `${blocks.join('\n\n')}\n`;
}
