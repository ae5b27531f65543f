/** The strings that whoever made a (virtual) machine left in its firmware tables (SMBIOS specification 3.7, 7.12). */

const OEM_STRINGS = 11;
const END_OF_TABLE = 127;

/** The strings of all structures of type 11 in a structure table. */
export function oemStrings(table: Buffer): string[] {
  const found: string[] = [];
  for (let at = 0; at + 4 <= table.length;) {
    const type = table[at]!;
    const length = table[at + 1]!;
    if (length < 4 || type === END_OF_TABLE) break;
    // Strings follow, each ended by a zero; one more zero ends the set.
    const start = at + length;
    let end = table.indexOf('\0\0', start, 'latin1');
    if (end === -1) end = table.length;
    if (type === OEM_STRINGS && end > start) found.push(...table.toString('utf8', start, end).split('\0'));
    at = end + 2;
  }
  return found;
}
