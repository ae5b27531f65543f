/** Public keys as files have them, for programs that want them binary. */

const ARMOUR = /-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n(?:\S.*\r?\n)*\r?\n([^]*?)-----END PGP/g;

/** The packets of armoured or binary files, one after the other. */
export function publicKeys(files: readonly Buffer[]): Buffer {
  return Buffer.concat(
    files.map((file) => {
      const blocks = [...file.toString('latin1').matchAll(ARMOUR)].map(([, block = '']) => block);
      if (blocks.length === 0) return file;
      // The last line is a checksum.
      const data = blocks.map((block) => Buffer.from(block.replace(/^=\S{4}\s*$/m, ''), 'base64'));
      return Buffer.concat(data);
    }),
  );
}

/** Whether data begins as OpenPGP's public keys do. */
export function looksLikeKey(data: Buffer): boolean {
  const [first = 0] = data;
  // Tag 6, in the old or the new format of packets.
  return (first & 0xc0) === 0xc0 ? (first & 0x3f) === 6 : (first & 0xfc) === 0x98;
}
