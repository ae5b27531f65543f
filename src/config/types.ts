import type { Where } from '../errors.ts';

/** product, branch, arch, platform, personality and whatever else a workspace declares. */
export interface Attributes {
  [name: string]: string;
}

export interface ConfigRequest {
  /** Absolute path of the workspace. */
  workspace: string;
  localdir?: string | undefined;
  attributes: Partial<Attributes>;
  /** `section.option=value`, the last of all layers. */
  set: string[];
  /** A saved configuration, which is taken in place of all public files. */
  saved?: string | undefined;
  /** Where the machine's own configuration lies; /etc/osmith if absent. */
  systemDir?: string | undefined;
}

export type Effect =
  /** The value that counts. */
  | 'wins'
  /** A later definition of the same name took its place. */
  | 'overridden'
  /** Words added to a list. */
  | 'adds'
  /** Words taken from a list. */
  | 'removes'
  /** A list part without effect, because the list itself is set. */
  | 'ignored'
  /** Another option that the value refers to, directly or not. */
  | 'referred';

/** One line of a file that had a part in the value of an option. */
export interface Contribution {
  where: Where;
  /** The name as written there, such as `packages_add`; with its section where that is another, as `build:arch`. */
  option: string;
  /** The value as written; hidden if private. */
  value: string;
  effect: Effect;
}

/** A resolved configuration. Options ignore case. Getters throw E_CONFIG with file and line. */
export interface Config {
  attributes: Attributes;
  workspace: string;
  /** Things that look wrong but do not stop a build. */
  warnings: string[];
  /** Every file that was read. */
  files: string[];
  sections(): string[];
  options(section: string): string[];
  /** The value with references resolved. */
  get(section: string, option: string): string;
  /** The same, or undefined if the option is not set. */
  find(section: string, option: string): string | undefined;
  /** The words of the value; none for a list that is not set. */
  list(section: string, option: string): string[];
  bool(section: string, option: string): boolean;
  int(section: string, option: string): number;
  /** In bytes. */
  size(section: string, option: string): number;
  /** The value as written, references unresolved. */
  raw(section: string, option: string): string | undefined;
  /** Where the value that counts is written; for a list, where it was last added to, or where this word was. */
  where(section: string, option: string, word?: string): Where | undefined;
  explain(section: string, option: string): Contribution[];
  /** Whether the value is, or is made from, something in a private file. Such values are never printed. */
  isPrivate(section: string, option: string): boolean;
  /** The same for the value as written, where references are still names. */
  isRawPrivate(section: string, option: string): boolean;
  /** INI text to keep with what is built; see saved.ts. */
  saved(name: string, by: string): string;
}
