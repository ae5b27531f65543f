/**
 * File names as strings without loss: UTF-8 where they are that, and bytes that are not as lone surrogates
 * U+DC80 to U+DCFF, which UTF-8 never gives.
 */
import { isUtf8 } from 'node:buffer';

function decodePart(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString('utf8');
  return bytes
    .toString('latin1')
    .replaceAll(/[\x80-\xff]/g, (char) => String.fromCharCode(0xdc00 + char.charCodeAt(0)));
}

/** Each part of a path for itself, so that a directory has one name whatever is below it. */
export function decodeName(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString('utf8');
  const parts = bytes.toString('latin1').split('/');
  return parts.map((part) => decodePart(Buffer.from(part, 'latin1'))).join('/');
}

export function encodeName(name: string): Buffer {
  if (!/[\udc80-\udcff]/.test(name)) return Buffer.from(name);
  const parts = name.split(/(?<![\ud800-\udbff])([\udc80-\udcff])/);
  return Buffer.concat(
    parts.map((part, index) =>
      index % 2 === 0 ? Buffer.from(part) : Buffer.of(part.charCodeAt(0) - 0xdc00),
    ),
  );
}
