/** INI text that parses to the sections it was made from, written as Python's configparser writes it. */
export function formatIni(sections: [name: string, options: [name: string, value: string][]][]): string {
  return sections
    .map(([name, options]) => {
      const lines = options.map(([option, value]) => `${option} = ${value.replaceAll('\n', '\n\t')}\n`);
      return `[${name}]\n${lines.join('')}\n`;
    })
    .join('');
}
