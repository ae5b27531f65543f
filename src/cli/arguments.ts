/** What several commands make of the values of options. */

/** For options that can be repeated. */
export function collect(value: string, previous: string[]): string[] {
  return [...previous, value];
}
