/** Checks of what options of a hook name: files in a format, or values that must go together. */
import type { Where } from '../../errors.ts';

/** An option as a hook names it, with its value. */
export interface CheckedOption {
  /** `SECTION.OPTION`. */
  name: string;
  value: string;
  /** Where the value, or a word of it, is written. */
  where: (word?: string) => Where | undefined;
}

/** A file that an option names. */
export interface CheckedFile {
  option: CheckedOption;
  /** As it is written. */
  path: string;
  /** Of this machine. */
  file: string;
}

export interface Finding {
  message: string;
  hint: string;
  where: Where | undefined;
}

/** Of the files that the options name, of anything there, or of the values themselves. */
export type Check =
  | { files: (files: CheckedFile[]) => Finding[] }
  | { paths: true }
  | { values: (...options: CheckedOption[]) => Finding[] };
