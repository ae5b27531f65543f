/** The regular expressions of code-version.ts against TypeScript's own reading of the same files. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';
import { codeVersion, references } from './code-version.ts';

const SRC = join(import.meta.dirname, '..');
const SOURCES = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
  .map((name) => join(SRC, name));

/** Relative imports that are left when types are erased, as TypeScript itself erases them. */
function importsLeft(file: string): string[] {
  const options = {
    module: ts.ModuleKind.ESNext,
    target: ts.ScriptTarget.ESNext,
    verbatimModuleSyntax: true,
  };
  const { outputText } = ts.transpileModule(readFileSync(file, 'utf8'), { compilerOptions: options });
  return ts
    .preProcessFile(outputText)
    .importedFiles.map(({ fileName }) => fileName)
    .filter((name) => name.startsWith('.'));
}

/** File names in string literals that exist beside the module: what it reads at run time. */
function filesBeside(file: string): string[] {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.ESNext);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node) && /^[\w./-]+\.(sh|json|py|ini)$/.test(node.text)) found.push(node.text);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found.filter((name) => existsSync(resolve(dirname(file), name)));
}

test('every import and every file that a module reads is found, and nothing else', () => {
  const files = (file: string, names: string[]) =>
    [...new Set(names.map((name) => resolve(dirname(file), name)))].sort();
  for (const file of SOURCES) {
    const wanted = files(file, [...importsLeft(file), ...filesBeside(file)]);
    const found = files(file, references(readFileSync(file, 'utf8')));
    // What is found beyond may only be our own kind of reference: the directory of this project.
    expect([file, found.filter((name) => wanted.includes(name))]).toEqual([file, wanted]);
    for (const name of found) expect([file, name, existsSync(name)]).toEqual([file, name, true]);
  }
});

test.each([
  ['import', "import { a } from './b.ts';", true],
  ['over lines', "import {\n  a,\n  type B,\n} from './b.ts';", true],
  ['types only', "import type { A } from './b.ts';\nexport type { B } from './b.ts';", false],
  ['types only, over lines', "import type {\n  A,\n} from './b.ts';", false],
  ['for its effect', "import './b.ts';", true],
  ['again exported', "export * from './b.ts';\nexport { a } from './b.ts';", true],
  ['at run time', "const b = await import('./b.ts');", true],
  ['a file beside', "readFileSync(join(import.meta.dirname, 'b.ts'))", true],
  ['a package', "import { z } from 'zod';", false],
])('a change of what is referred to counts: %s', (_what, text, counts) => {
  const dir = mkdtempSync(join(tmpdir(), 'osmith-test-'));
  try {
    writeFileSync(join(dir, 'a.ts'), text);
    const version = (content: string) => {
      writeFileSync(join(dir, 'b.ts'), content);
      // Each time under another name: what was read once is remembered.
      const main = join(dir, `main-${content}.ts`);
      writeFileSync(main, text.replaceAll('b.ts', `b-${content}.ts`));
      writeFileSync(join(dir, `b-${content}.ts`), content);
      return references(readFileSync(main, 'utf8')).map((name) => codeVersion([resolve(dir, name)]));
    };
    expect(version('1').length > 0 && version('1')[0] !== version('2')[0]).toBe(counts);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
