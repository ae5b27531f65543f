/** Writes `docs/options/` anew: `make docs`. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { optionPages, type Page } from './pages.ts';
import { workspaceFacts } from './workspace.ts';

const ROOT = join(import.meta.dirname, '../../..');
export const OPTIONS_DIR = join(ROOT, 'docs/options');

/** The pages as they are to be. */
export async function wantedPages(): Promise<Page[]> {
  const pages = optionPages(workspaceFacts(join(ROOT, 'workspace')));
  return Promise.all(
    pages.map(async ({ name, text }) => {
      const filepath = join(OPTIONS_DIR, name);
      return { name, text: await format(text, { ...(await resolveConfig(filepath)), filepath }) };
    }),
  );
}

if (import.meta.main) {
  rmSync(OPTIONS_DIR, { recursive: true, force: true });
  mkdirSync(OPTIONS_DIR, { recursive: true });
  for (const { name, text } of await wantedPages()) writeFileSync(join(OPTIONS_DIR, name), text);
}
