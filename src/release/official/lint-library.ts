/** The rules for library files that show in the file itself: bashbrew's, and those that reviewers of official images apply. */
import type { Fault } from '../../config/fault.ts';
import { nearest } from '../../config/nearest.ts';
import { FIELDS, fieldOf, listOf, PER_ARCH, type Field, type Library, type Paragraph } from './library.ts';

export const ARCHITECTURES = [
  ...['amd64', 'arm32v5', 'arm32v6', 'arm32v7', 'arm64v8', 'i386', 'mips64le', 'ppc64le', 'riscv64', 's390x'],
  'windows-amd64',
];
const BUILDERS = ['buildkit', 'classic', 'oci-import'];
const TAG = /^\w[\w.-]{0,127}$/;
const COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;
const FETCH = /^refs\/(?:heads|tags)\/[^*?:]+$/;
export const MAINTAINER = /^[^<>()]*[^\s<>()] (?:<[^\s<>()]+> )?\(@[A-Za-z0-9][A-Za-z0-9-]*\)$/;

type Rule = (value: string) => string | undefined;

const unless =
  (pattern: RegExp, message: string): Rule =>
  (value) =>
    pattern.test(value) ? undefined : message;

/** Directory and file are read inside a checkout. */
const inside: Rule = (value) =>
  value === '' || value.startsWith('/') || value.split('/').includes('..')
    ? 'must be a path inside the repository'
    : undefined;

const RULES: Record<(typeof PER_ARCH)[number], Rule> = {
  GitRepo: unless(/^https:\/\/[^\s/]+\/\S+$/, 'must be an https:// address that anyone can read'),
  GitFetch: unless(FETCH, 'must be refs/heads/NAME or refs/tags/NAME'),
  GitCommit: unless(COMMIT, 'must be a whole commit id: 40 or 64 digits of 0-9 a-f'),
  Directory: inside,
  File: inside,
  Builder: (value) => (BUILDERS.includes(value) ? undefined : `must be one of ${BUILDERS.join(', ')}`),
};

/** `amd64-GitCommit` as field and architecture; undefined for a name that means nothing. */
function splitName(name: string): { field: string; arch?: string } | undefined {
  if ((FIELDS as readonly string[]).includes(name)) return { field: name };
  const arch = ARCHITECTURES.find((each) => name.startsWith(`${each}-`));
  const field = arch === undefined ? '' : name.slice(arch.length + 1);
  return (PER_ARCH as readonly string[]).includes(field) ? { field, arch: arch! } : undefined;
}

/** All that is wrong with a library file; `file` is what users call it. */
export function lintLibrary(library: Library, file: string): Fault[] {
  const faults: Fault[] = [];
  const fault = (at: Pick<Field, 'line'> | undefined, message: string, hint?: string) =>
    faults.push({
      message,
      hint,
      where: at === undefined || at.line === 0 ? { file } : { file, line: at.line },
    });
  const { global, entries } = library;
  for (const paragraph of [global, ...entries]) lintFields(paragraph, fault);
  if (entries.length === 0)
    fault(undefined, 'There is no entry with Tags', 'The first paragraph only holds what all share');
  for (const name of ['Tags', 'SharedTags', 'GitCommit']) {
    if (global.has(name)) fault(global.get(name), `${name} belongs to an entry, not to the first paragraph`);
  }
  const maintainers = global.get('Maintainers');
  if (maintainers === undefined) fault(undefined, 'Maintainers is missing in the first paragraph');
  for (const entry of entries) lintEntry(library, entry, fault);
  lintTags(library, fault);
  return faults;
}

type AddFault = (at: Pick<Field, 'line'> | undefined, message: string, hint?: string) => void;

function lintFields(paragraph: Paragraph, fault: AddFault): void {
  for (const [name, field] of paragraph) {
    const known = splitName(name);
    if (known === undefined) {
      const meant = nearest(name, [...FIELDS]);
      fault(field, `There is no field ${name}`, meant && `Did you mean ${meant}?`);
      continue;
    }
    const wrong = RULES[known.field as keyof typeof RULES]?.(field.value);
    if (wrong !== undefined) fault(field, `${name} ${wrong}, and is ${JSON.stringify(field.value)}`);
    const words = listOf(field.value);
    if (known.field === 'Maintainers') {
      for (const each of words.filter((word) => !MAINTAINER.test(word))) {
        fault(field, `No maintainer: ${each}`, 'Write NAME <MAIL> (@GITHUB)');
      }
    }
    if (known.field === 'Architectures') {
      for (const each of words.filter((word) => !ARCHITECTURES.includes(word))) {
        fault(field, `There is no architecture ${each}`, `Known: ${ARCHITECTURES.join(', ')}`);
      }
    }
    if (known.field === 'Tags' || known.field === 'SharedTags') {
      for (const each of words.filter((word) => !TAG.test(word))) fault(field, `No tag of an image: ${each}`);
    }
  }
}

function lintEntry(library: Library, entry: Paragraph, fault: AddFault): void {
  const first = [...entry.values()][0];
  if (!entry.has('Tags') && !entry.has('SharedTags')) fault(first, 'This entry has no Tags');
  for (const arch of listOf(fieldOf(library, entry, 'Architectures')!.value)) {
    for (const name of ['GitRepo', 'GitCommit']) {
      if (fieldOf(library, entry, name, arch) === undefined)
        fault(first, `This entry has no ${name} for ${arch}`);
    }
    const builder = fieldOf(library, entry, 'Builder', arch)?.value;
    const file = fieldOf(library, entry, 'File', arch);
    if (builder === 'oci-import' && file!.value !== 'index.json') {
      fault(file!.line === 0 ? first : file, 'With Builder oci-import, File must be index.json');
    }
  }
}

/** A tag names one entry; a shared one joins entries of different architectures. */
function lintTags(library: Library, fault: AddFault): void {
  const owners = new Map<string, Paragraph>();
  for (const entry of library.entries) {
    const field = entry.get('Tags');
    for (const tag of listOf(field?.value ?? '')) {
      if (owners.has(tag)) fault(field, `The tag ${tag} stands twice`);
      owners.set(tag, entry);
    }
  }
  const shared = new Map<string, string[]>();
  for (const entry of library.entries) {
    const field = entry.get('SharedTags');
    const arches = listOf(fieldOf(library, entry, 'Architectures')!.value);
    for (const tag of listOf(field?.value ?? '')) {
      if (owners.has(tag)) fault(field, `The tag ${tag} is both of one entry and shared`);
      const taken = shared.get(tag) ?? [];
      const both = arches.find((arch) => taken.includes(arch));
      if (both !== undefined) fault(field, `Two entries share the tag ${tag} for ${both}`);
      shared.set(tag, [...taken, ...arches]);
    }
  }
}
