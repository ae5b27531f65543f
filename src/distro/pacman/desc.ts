/** pacman's descriptions of packages: `%NAME%` and the values on the lines below it. */

export type Description = Map<string, string[]>;

/** Names without their per cent signs. */
export function parseDescription(text: string): Description {
  const fields: Description = new Map();
  for (const block of text.split(/\n{2,}/)) {
    const [head = '', ...values] = block.trim().split('\n');
    const name = /^%(\w+)%$/.exec(head)?.[1];
    if (name !== undefined) fields.set(name, values);
  }
  return fields;
}

/** The first value of a field, or nothing. */
export function field(description: Description, name: string): string {
  return description.get(name)?.[0] ?? '';
}

/** Several descriptions of a repository's index, one behind the other. */
export function splitIndex(index: string): string[] {
  return index.split(/^(?=%FILENAME%$)/m).filter((text) => text.trim() !== '');
}

/** Where pacman keeps a description. */
export function descriptionDir(description: Description): string {
  return `${field(description, 'NAME')}-${field(description, 'VERSION')}`;
}
