/** Debian control data: paragraphs of `Field: value` lines (deb822(5)). */

export type Paragraph = Map<string, string>;

/** Paragraphs with lower-cased field names; continuation lines are joined with newlines. */
export function parseControl(text: string): Paragraph[] {
  return text
    .split(/\n{2,}/)
    .filter((paragraph) => paragraph.trim() !== '')
    .map(parseParagraph);
}

function parseParagraph(text: string): Paragraph {
  const fields: Paragraph = new Map();
  let last = '';
  for (const line of text.split('\n')) {
    if (/^[ \t]/.test(line)) fields.set(last, `${fields.get(last) ?? ''}\n${line}`);
    const colon = line.indexOf(':');
    if (colon <= 0 || /^[ \t#]/.test(line)) continue;
    last = line.slice(0, colon).toLowerCase();
    fields.set(last, line.slice(colon + 1).trim());
  }
  return fields;
}
