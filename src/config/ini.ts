/**
 * The INI dialect of Python's configparser (as ConfigParser() reads it), with the line of every option.
 *
 * Differences, all in how faults are told:
 * - every fault of a file is found, not only the first; what could be read is kept
 * - no message quotes the line, which may be a secret
 * - a byte order mark is an error in both, but here the message says what it is
 */
import type { Fault } from './fault.ts';
import { indentation, strip, stripEnd } from './text.ts';

export interface IniOption {
  value: string;
  line: number;
}

export interface IniSection {
  line: number;
  options: Map<string, IniOption>;
}

export interface IniFile {
  file: string;
  /** Without `[DEFAULT]`, whose options go into every section of the same file. */
  sections: Map<string, IniSection>;
  defaults: Map<string, IniOption>;
  faults: Fault[];
}

interface OpenOption {
  option: IniOption;
  lines: string[];
}

interface State {
  ini: IniFile;
  section: IniSection | undefined;
  option: OpenOption | undefined;
  indent: number;
  closed: OpenOption[];
  orphaned: boolean;
}

export function parseIni(text: string, file: string): IniFile {
  const ini: IniFile = { file, sections: new Map(), defaults: new Map(), faults: [] };
  const state: State = { ini, section: undefined, option: undefined, indent: 0, closed: [], orphaned: false };
  text.split(/\r\n|\r|\n/).forEach((line, index) => readLine(state, line, index + 1));
  for (const { option, lines } of state.closed) option.value = stripEnd(lines.join('\n'));
  return ini;
}

function readLine(state: State, line: string, number: number): void {
  const content = strip(line);
  if (content.startsWith('#') || content.startsWith(';')) return;
  if (content === '') {
    state.option?.lines.push('');
    return;
  }
  const indent = indentation(line);
  if (state.option !== undefined && indent > state.indent) {
    state.option.lines.push(content);
    return;
  }
  state.indent = indent;
  const header = /^\[(.+)\]/su.exec(content)?.[1];
  if (header !== undefined) openSection(state, header, number);
  else if (state.section === undefined) orphan(state, content, number);
  else readOption(state, state.section, content, number);
}

function openSection(state: State, name: string, line: number): void {
  const { sections, defaults } = state.ini;
  state.option = undefined;
  const known = sections.get(name);
  if (known !== undefined)
    fault(state, line, `Section [${name}] is already at line ${known.line}`, 'Join the two');
  const section = name === 'DEFAULT' ? { line, options: defaults } : (known ?? { line, options: new Map() });
  if (name !== 'DEFAULT') sections.set(name, section);
  state.section = section;
}

/** Text before the first section: told once. */
function orphan(state: State, content: string, line: number): void {
  if (state.orphaned) return;
  state.orphaned = true;
  if (content.startsWith('\ufeff')) {
    fault(state, line, 'The file starts with a byte order mark', 'Save it as UTF-8 without one');
  } else {
    fault(state, line, 'Line before any section', 'Put a line such as [image] above it');
  }
}

function readOption(state: State, section: IniSection, content: string, line: number): void {
  const delimiter = content.search(/[=:]/u);
  if (delimiter < 0) {
    // The option before stays open: what is indented below belongs to it, as Python has it.
    fault(
      state,
      line,
      'Neither a section nor an option',
      'Write `name = value`; indent lines that continue a value',
    );
    return;
  }
  const name = stripEnd(content.slice(0, delimiter)).toLowerCase();
  if (name === '') {
    state.option = undefined;
    fault(state, line, 'Option without a name');
    return;
  }
  const known = section.options.get(name);
  if (known !== undefined) {
    fault(
      state,
      line,
      `Option ${name} is already at line ${known.line}`,
      'Keep one of them (names ignore case)',
    );
  }
  const option = { value: '', line };
  state.option = { option, lines: [strip(content.slice(delimiter + 1))] };
  state.closed.push(state.option);
  if (known === undefined) section.options.set(name, option);
}

function fault(state: State, line: number, message: string, hint?: string): void {
  state.ini.faults.push({ message, hint, where: { file: state.ini.file, line } });
}
