/** Dockerfiles, as far as it has to be known what they are built from. The building itself is buildah's. */
import { OsmithError } from '../errors.ts';

export interface Instruction {
  /** Upper case. */
  name: string;
  /** What follows, continued lines joined, comments and here-documents left out. */
  args: string;
  /** Lines of the file, from 1. */
  first: number;
  last: number;
}

export interface Stage {
  /** As `AS` names it, in lower case. */
  name: string | undefined;
  from: Instruction;
  base: string;
  platform: string | undefined;
  instructions: Instruction[];
}

export interface Dockerfile {
  file: string;
  lines: string[];
  /** `ARG`s before the first stage. */
  global: Instruction[];
  stages: Stage[];
}

export function dockerfileFault(file: string, line: number, message: string, hint: string): OsmithError {
  return new OsmithError('E_PKG', message, { where: { file, line }, hint });
}

/** The character that continues lines. */
function escapeOf(lines: readonly string[]): string {
  for (const line of lines) {
    const directive = /^#\s*([a-zA-Z]+)\s*=\s*(\S+)\s*$/.exec(line);
    if (directive === null) return '\\';
    if (directive[1]!.toLowerCase() === 'escape') return directive[2]!;
  }
  return '\\';
}

/** Words that end the here-documents of a line. */
function hereDocuments(name: string, text: string): { word: string; strip: boolean }[] {
  if (!['RUN', 'COPY', 'ADD'].includes(name)) return [];
  const found = text.matchAll(/(?<![<\d])<<(-?)(["']?)([A-Za-z_][\w.]*)\2/g);
  return [...found].map(([, dash, , word]) => ({ word: word!, strip: dash === '-' }));
}

/** Splits into instructions. */
function instructions(lines: readonly string[]): Instruction[] {
  const escape = escapeOf(lines);
  const found: Instruction[] = [];
  for (let i = 0; i < lines.length; i += 1) {
    if (/^\s*(#|$)/.test(lines[i]!)) continue;
    const first = i + 1;
    let text = '';
    for (; i < lines.length; i += 1) {
      const line = lines[i]!;
      // Comments and empty lines between continued lines are left out.
      if (text !== '' && /^\s*(#|$)/.test(line)) continue;
      const trimmed = line.trimEnd();
      if (!trimmed.endsWith(escape)) {
        text += line;
        break;
      }
      text += `${trimmed.slice(0, -1)} `;
    }
    const [, word = '', args = ''] = /^\s*(\S+)\s*([^]*)$/.exec(text) ?? [];
    const name = word.toUpperCase();
    for (const { word: end, strip } of hereDocuments(name, args)) {
      do i += 1;
      while (i < lines.length && (strip ? lines[i]!.replace(/^\t+/, '') : lines[i]!) !== end);
    }
    found.push({ name, args: args.trim(), first, last: Math.min(i + 1, lines.length) });
  }
  return found;
}

const FROM = /^(?:--platform=(\S+)\s+)?(\S+)(?:\s+[aA][sS]\s+(\S+))?$/;

/** Throws E_PKG for a file without stages. `file` is for messages. */
export function parseDockerfile(text: string, file: string): Dockerfile {
  const lines = text.split(/\r?\n/);
  const global: Instruction[] = [];
  const stages: Stage[] = [];
  for (const instruction of instructions(lines)) {
    if (instruction.name !== 'FROM') {
      const stage = stages.at(-1);
      if (stage !== undefined) stage.instructions.push(instruction);
      else if (instruction.name === 'ARG') global.push(instruction);
      else {
        const message = `${instruction.name} comes before the first FROM`;
        throw dockerfileFault(file, instruction.first, message, 'Only ARG may stand there');
      }
      continue;
    }
    const parts = FROM.exec(instruction.args);
    if (parts === null) {
      const hint = 'Write FROM [--platform=PLATFORM] IMAGE [AS NAME]';
      throw dockerfileFault(file, instruction.first, `FROM ${instruction.args} names no image`, hint);
    }
    const [, platform, base = '', name] = parts;
    stages.push({ name: name?.toLowerCase(), from: instruction, base, platform, instructions: [] });
  }
  if (stages.length > 0) return { file, lines, global, stages };
  throw dockerfileFault(file, 1, 'The Dockerfile has no FROM', 'Begin with FROM scratch, or with an image');
}

const VARIABLE = /\\\$|\$(?:(\w+)|\{(\w+)(?:(:?[-+])((?:[^{}]|\{[^}]*\})*))?\})/g;

/** Puts in the values of variables: `$X`, `${X}`, `${X:-else}`, `${X:+then}`. */
export function expandVariables(text: string, values: ReadonlyMap<string, string>): string {
  return text.replaceAll(
    VARIABLE,
    (_whole: string, plain?: string, braced?: string, operator?: string, word: string = '') => {
      const name = plain ?? braced;
      if (name === undefined) return '$';
      const value = values.get(name);
      if (operator === undefined) return value ?? '';
      const isSet = value !== undefined && (value !== '' || !operator.startsWith(':'));
      if (operator.endsWith('+')) return isSet ? expandVariables(word, values) : '';
      return isSet ? value : expandVariables(word, values);
    },
  );
}

/** `NAME` or `NAME=VALUE` words of an ARG, without quotes. */
export function argWords(args: string): { name: string; value: string | undefined }[] {
  const words = args.match(/(?:[^\s"']|"(?:[^"\\]|\\.)*"|'[^']*')+/g) ?? [];
  return words.map((word) => {
    const [, name = '', value] = /^([^=]*)(?:=([^]*))?$/.exec(word)!;
    return {
      name,
      value: value?.replaceAll(
        /"((?:[^"\\]|\\.)*)"|'([^']*)'/g,
        (_all, a?: string, b?: string) => a ?? b ?? '',
      ),
    };
  });
}

/** Values of the variables that FROM may use. `given` wins over defaults, but only for names that are declared. */
export function globalArguments(
  { global }: Dockerfile,
  given: ReadonlyMap<string, string>,
  platforms: ReadonlyMap<string, string>,
): Map<string, string> {
  const values = new Map(platforms);
  for (const { args } of global) {
    for (const { name, value } of argWords(args)) {
      const chosen = given.get(name) ?? (value === undefined ? undefined : expandVariables(value, values));
      if (chosen !== undefined) values.set(name, chosen);
    }
  }
  return values;
}

/** Throws E_PKG for a mount that would bring something of the user's own into the build. */
export function checkMounts(file: string, { name, args, first }: Instruction): void {
  const kind = name === 'RUN' && /^(?:--\S+\s+)*--mount=(?:\S*,)?type=(secret|ssh)\b/.exec(args)?.[1];
  if (!kind) return;
  const hint = 'Fetch it before, with a hook or by hand, and give it to the package as a file or as an image';
  throw dockerfileFault(file, first, `Builds of packages get no secrets: --mount=type=${kind}`, hint);
}

/** Images that an instruction takes files from: `COPY --from=X`, `RUN --mount=...,from=X`. */
export function copiedFrom({ name, args }: Instruction): string[] {
  const flags = /^(?:--\S+\s+)*/.exec(args)?.[0] ?? '';
  if (name === 'COPY' || name === 'ADD') return [...flags.matchAll(/--from=(\S+)/g)].map(([, from]) => from!);
  if (name !== 'RUN') return [];
  return [...flags.matchAll(/--mount=(\S+)/g)].flatMap(([, options]) =>
    options!.split(',').flatMap((option) => (option.startsWith('from=') ? [option.slice(5)] : [])),
  );
}
