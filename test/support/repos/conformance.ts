/** What came of each check for each distribution, as the table of the documentation. */

const MARKS: Record<string, string> = { pass: 'yes', fail: '**no**', skip: '-' };

function row(cells: string[], widths: number[]): string {
  return `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`;
}

export class Conformance {
  readonly #results = new Map<string, Map<string, string>>();

  add(check: string, distro: string, state: string | undefined): void {
    const mark = MARKS[state ?? ''];
    const results = this.#results.get(check) ?? new Map<string, string>();
    if (mark !== undefined) this.#results.set(check, results.set(distro, mark));
  }

  /** Whether each of the distributions has each check that one has. */
  complete(distros: string[]): boolean {
    const rows = [...this.#results.values()];
    return rows.length > 0 && rows.every((results) => distros.every((name) => results.has(name)));
  }

  /** Markdown, as prettier writes it; checks in the order in which the first distribution has them. */
  table(distros: string[]): string {
    const body = [...this.#results].map(([check, results]) => [
      check,
      ...distros.map((name) => results.get(name) ?? ''),
    ]);
    const all = [['check', ...distros], ...body];
    const widths = all[0]!.map((_, i) => Math.max(...all.map((cells) => cells[i]!.length)));
    const [head, ...rest] = all.map((cells) => row(cells, widths));
    const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
    return [head, rule, ...rest].join('\n');
  }
}
