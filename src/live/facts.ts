/** What trees are compared by beyond what every reader tells: attributes, and names of one file. */

function bytewise(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** Each as `NAME=VALUE`, the value in hexadecimal. */
export function attributesText(attributes: ReadonlyMap<string, Uint8Array>): string {
  const names = [...attributes.keys()].sort(bytewise);
  return names
    .map((name) => `${encodeURIComponent(name)}=${Buffer.from(attributes.get(name)!).toString('hex')}`)
    .join(' ');
}

/** Empty for a file that has only one. */
export function namesText(paths: readonly string[]): string {
  return paths.length < 2 ? '' : paths.toSorted(bytewise).join('\0');
}

/** The reverse. */
export function parseAttributes(text: string): Map<string, Buffer> {
  const pairs = text === '' ? [] : text.split(' ');
  return new Map(
    pairs.map((pair) => {
      const [name, value] = pair.split('=') as [string, string];
      return [decodeURIComponent(name), Buffer.from(value, 'hex')];
    }),
  );
}
