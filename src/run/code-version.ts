/**
 * The version of a step kind's code: a hash over its module and everything it imports from this project, so that a
 * change of the program re-runs exactly the steps it may affect. Type-only imports do not count.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/** Paths that a module imports or reads from beside itself (`import`, `export from`, `new URL`, `join(import.meta.dirname`). */
export function references(source: string): string[] {
  const found = new Set<string>();
  const patterns = [
    /^\s*(?:import|export)\s+(?!type\b)[^'"`;]*?from\s+['"](\.[^'"]+)['"]/gm,
    /^\s*import\s+['"](\.[^'"]+)['"]/gm,
    /import\(\s*['"](\.[^'"]+)['"]\s*\)/g,
    /new URL\(\s*['"](\.[^'"]+)['"]/g,
    /join\(import\.meta\.dirname,\s*['"]([^'"]+)['"]\s*\)/g,
  ];
  for (const pattern of patterns) for (const match of source.matchAll(pattern)) found.add(match[1]!);
  return [...found];
}

const contents = new Map<string, { hash: string; uses: string[] }>();

function read(file: string): { hash: string; uses: string[] } {
  let known = contents.get(file);
  if (known === undefined) {
    const source = readFileSync(file, 'utf8');
    const uses = /\.[jt]s$/.test(file) ? references(source).map((path) => resolve(dirname(file), path)) : [];
    known = { hash: createHash('sha256').update(source).digest('hex'), uses };
    contents.set(file, known);
  }
  return known;
}

/** Hash over the given modules and all they reach, independent of where the project is installed. */
export function codeVersion(modules: string[]): string {
  const seen = new Set<string>();
  const queue = modules.map((file) => resolve(file));
  while (queue.length > 0) {
    const file = queue.pop()!;
    if (seen.has(file)) continue;
    seen.add(file);
    queue.push(...read(file).uses);
  }
  const hashes = [...seen].map((file) => read(file).hash).sort();
  return createHash('sha256').update(hashes.join('\n')).digest('hex');
}
