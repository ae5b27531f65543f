/** Changes to signed EFI programs (PE/COFF, "Microsoft PE and COFF Specification") that a signature check must notice. */

interface Section {
  name: string;
  offset: number;
  size: number;
}

interface Layout {
  sections: Section[];
  /** Where the optional header's entry for the certificate table lies. */
  certificateEntry: number;
}

const CERTIFICATE_TABLE = 4;

function layout(file: Buffer): Layout {
  const header = file.length > 0x40 && file.toString('latin1', 0, 2) === 'MZ' ? file.readUInt32LE(0x3c) : 0;
  if (header === 0 || header + 24 > file.length || file.toString('latin1', header, header + 4) !== 'PE\0\0') {
    throw new RangeError('not an EFI program');
  }
  const count = file.readUInt16LE(header + 6);
  const optional = header + 24;
  // PE32+ (0x20b) has 16 bytes more than PE32 before its data directories.
  const directories = optional + (file.readUInt16LE(optional) === 0x20b ? 112 : 96);
  const table = optional + file.readUInt16LE(header + 20);
  const sections = Array.from({ length: count }, (_, index) => {
    const at = table + index * 40;
    return {
      name: file.toString('latin1', at, at + 8).replace(/\0+$/, ''),
      // What is loaded of it: the rest of the raw data is padding, which runs nowhere.
      size: Math.min(file.readUInt32LE(at + 8), file.readUInt32LE(at + 16)),
      offset: file.readUInt32LE(at + 20),
    };
  });
  return { sections, certificateEntry: directories + CERTIFICATE_TABLE * 8 };
}

/** Where the signatures lie: at the end of the file. */
export function certificates(file: Buffer): { offset: number; size: number } {
  const { certificateEntry } = layout(file);
  return { offset: file.readUInt32LE(certificateEntry), size: file.readUInt32LE(certificateEntry + 4) };
}

/** One bit of the program's code is the other way round, and nothing else. */
export function flipBit(file: Buffer): Buffer {
  const code = layout(file).sections.find(({ name, size }) => name === '.text' && size > 0);
  if (code === undefined) throw new RangeError('it has no code section');
  const copy = Buffer.from(file);
  const at = code.offset + (code.size >> 1);
  copy[at] = copy[at]! ^ 1;
  return copy;
}

/** The same program as it was before it was signed. */
export function stripSignature(file: Buffer): Buffer {
  const { certificateEntry } = layout(file);
  const { offset, size } = certificates(file);
  if (size === 0) throw new RangeError('it is not signed');
  const copy = Buffer.from(offset + size >= file.length ? file.subarray(0, offset) : file);
  copy.fill(0, certificateEntry, certificateEntry + 8);
  return copy;
}
