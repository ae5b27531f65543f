/** What several commands make of the values of options. */
import { InvalidArgumentError } from 'commander';
import { parseSize } from '../config/values.ts';

/** For options that can be repeated. */
export function collect(value: string, previous: string[] = []): string[] {
  return [...previous, value];
}

/** Bytes, written as in the configuration; without a unit nobody could tell which one is meant. */
export function sizeOption(text: string): number {
  const bytes = /^\d+$/.test(text) ? undefined : parseSize(text);
  if (bytes !== undefined && bytes > 0) return bytes;
  throw new InvalidArgumentError('It must be a size such as 512M or 4G.');
}
