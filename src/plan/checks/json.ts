/** Files of JSON: objects, policies of browsers, grids of icons. */
import { readFileSync } from 'node:fs';
import type { Where } from '../../errors.ts';
import type { CheckedFile, Finding } from './types.ts';

type JsonObject = Record<string, unknown>;

/** The line of a place in a text, as far as the parser's message tells it. */
function lineOf(text: string, message: string): number | undefined {
  const position = /position (\d+)/u.exec(message)?.[1];
  if (position !== undefined) return text.slice(0, Number(position)).split('\n').length;
  return /end of JSON/u.test(message) ? text.trimEnd().split('\n').length : undefined;
}

function readObject({ file }: CheckedFile, findings: Finding[]): JsonObject | undefined {
  const text = readFileSync(file, 'utf8');
  try {
    const value = JSON.parse(text) as unknown;
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
    findings.push({ message: 'This is no JSON object', hint: 'It must begin with {', where: { file } });
  } catch (error) {
    const { message } = error as Error;
    const line = lineOf(text, message);
    const where: Where = { file, ...(line === undefined ? {} : { line }) };
    findings.push({ message: `This is no JSON: ${message.split('\n')[0]!}`, hint: 'Try: jq . FILE', where });
  }
  return undefined;
}

/** JSON objects. */
export function checkJson(files: CheckedFile[]): Finding[] {
  const findings: Finding[] = [];
  for (const file of files) readObject(file, findings);
  return findings;
}

/** Policies: objects with a policy's name as each key, no policy in two of them with different values. */
export function checkPolicies(files: CheckedFile[]): Finding[] {
  const findings: Finding[] = [];
  const seen = new Map<string, { value: string; file: CheckedFile }>();
  for (const file of files) {
    const where = { file: file.file };
    for (const [name, value] of Object.entries(readObject(file, findings) ?? {})) {
      if (!/^[A-Z][A-Za-z0-9]*$/u.test(name)) {
        const hint = 'Names of policies are words such as HomepageLocation; chrome://policy shows them';
        findings.push({ message: `${name} is no name of a policy`, hint, where });
      }
      const text = JSON.stringify(value);
      const other = seen.get(name);
      if (other !== undefined && (other.value !== text || other.file.option !== file.option)) {
        findings.push({
          message: `The policy ${name} is in ${other.file.path} too`,
          hint: 'Take one of the two away',
          where,
        });
      }
      seen.set(name, { value: text, file });
    }
  }
  return findings;
}

/** Grids of icons: `desktop` and folders, with names of desktop files and folders. Several files go one after the other. */
export function checkIconGrid(files: CheckedFile[]): Finding[] {
  const findings: Finding[] = [];
  const grids = files.flatMap((file) => {
    const grid = readObject(file, findings);
    return grid === undefined ? [] : [{ file, grid }];
  });
  const folders = new Set(grids.flatMap(({ grid }) => Object.keys(grid)));
  const seen = new Map<string, string>();
  for (const { file, grid } of grids) {
    const tell = (message: string, hint: string) =>
      findings.push({ message, hint, where: { file: file.file } });
    for (const [folder, entries] of Object.entries(grid)) {
      if (!Array.isArray(entries)) {
        tell(`${folder} is no list`, 'Write ["NAME.desktop", ...]');
        continue;
      }
      for (const entry of entries as unknown[]) {
        const isKnown = typeof entry === 'string' && (entry.endsWith('.desktop') || folders.has(entry));
        const name = typeof entry === 'string' ? entry : JSON.stringify(entry);
        if (!isKnown) tell(`${name} is neither a desktop file nor a folder`, 'Write NAME.desktop');
        else if (seen.has(name)) tell(`${name} is in ${seen.get(name)!} too`, 'An icon has one place');
        seen.set(name, file.path);
      }
    }
  }
  const [last] = grids.slice(-1);
  for (const folder of folders) {
    if (folder === 'desktop' || seen.has(folder)) continue;
    const hint = 'Add it to the list desktop';
    findings.push({ message: `No list names the folder ${folder}`, hint, where: { file: last!.file.file } });
  }
  return findings;
}
