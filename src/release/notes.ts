/** Release notes: what a release has different from the last one, as Markdown. */
import type { JwtDifference, SetDifference } from '../pattern/index.ts';
import { count, oneLine } from '../report/style.ts';
import type { SignedBuild } from './build.ts';

/** Manifests may say anything: nothing of it becomes markup. */
function text(value: string): string {
  return oneLine(value).replaceAll(/[\\`*[\]<>|]/g, (mark) => `\\${mark}`);
}

function date({ manifest }: SignedBuild): string {
  return new Date(manifest.epoch * 1000).toISOString().slice(0, 10);
}

function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map((row) => line(row.map(text)))].join('\n');
}

function changes(title: string, { added, removed, changed }: SetDifference): string[] {
  const rows = [
    ...changed.map(({ name, from, to }) => [name, from, to]),
    ...added.map(({ name, value }) => [name, '', value]),
    ...removed.map(({ name, value }) => [name, value, '']),
  ];
  if (rows.length === 0) return [];
  const numbers = `${changed.length} changed, ${added.length} added, ${removed.length} removed`;
  return [`## ${title}: ${numbers}`, table(['', 'before', 'now'], rows)];
}

/** Of a pattern only which files differ is told. */
function changedFiles({ added, removed, changed }: SetDifference): string[] {
  const names = [...added, ...removed, ...changed].map(({ name }) => name).sort();
  return names.length === 0 ? [] : ['## Pattern', names.map((name) => `- ${text(name)}`).join('\n')];
}

/** `before` and `difference` are absent for a first release. */
export function releaseNotes(
  build: SignedBuild,
  before: SignedBuild | undefined,
  difference: JwtDifference | undefined,
): string {
  const { name, artifacts } = build.manifest;
  const files = table(
    ['file', 'bytes', 'SHA-256'],
    artifacts.map((artifact) => [artifact.name, String(artifact.size), artifact.sha256]),
  );
  const blocks = [
    `# ${text(name)}, ${date(build)}`,
    before === undefined ? 'The first release.' : `Replaces the release of ${date(before)}.`,
    ...(difference === undefined
      ? []
      : [
          ...changes('Packages', difference.manifest.packages),
          ...changes('Build', difference.manifest.other),
          ...changes('Variables', difference.runVars),
          ...changedFiles(difference.pattern),
        ]),
    `## ${count(artifacts.length, 'file')}`,
    files,
  ];
  return `${blocks.join('\n\n')}\n`;
}
