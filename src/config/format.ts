/** INI text that parses to the sections it was made from, written as Python's configparser writes it. */
export function formatIni(sections: [name: string, options: [name: string, value: string][]][]): string {
  return sections
    .map(([name, options]) => {
      const lines = options.map(([option, value]) => `${option} = ${indented(value)}\n`);
      return `[${name}]\n${lines.join('')}\n`;
    })
    .join('');
}

function indented(value: string): string {
  return value.replaceAll('\n', isComment(value) ? ' ' : '\n\t');
}

/** Whether a line of it would be read as a comment. Only a list can be like that, which has a word such as `#1`. */
export function isComment(value: string): boolean {
  return /\n[#;]/u.test(value);
}
