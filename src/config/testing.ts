/** A workspace made of text, for tests. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { loadConfig } from './load.ts';
import { OsmithError } from '../errors.ts';
import type { Config, ConfigRequest } from './types.ts';

export interface Scene {
  dir: string;
  load: (request?: Partial<ConfigRequest>) => Config;
  /** All errors of a load as `file:line: message`, with file names below the scene. */
  errors: (request?: Partial<ConfigRequest>) => string[];
  [Symbol.dispose]: () => void;
}

/** Files by path: `ws/config/defaults.ini`, `local/config/...`, `etc/config.ini`. */
export function scene(files: Record<string, string | Buffer>): Scene {
  const dir = mkdtempSync(join(tmpdir(), 'osmith-config-'));
  mkdirSync(join(dir, 'ws/config'), { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), text);
  }
  const load = (request: Partial<ConfigRequest> = {}) =>
    loadConfig({
      workspace: join(dir, 'ws'),
      systemDir: join(dir, 'etc'),
      attributes: {},
      set: [],
      ...request,
    });
  return {
    dir,
    load,
    errors: (request) => messages(() => load(request), dir),
    [Symbol.dispose]: () => rmSync(dir, { recursive: true }),
  };
}

/** What a call throws, as `file:line: message`. */
export function messages(call: () => unknown, dir: string): string[] {
  try {
    call();
  } catch (error) {
    if (!(error instanceof OsmithError)) throw error;
    return [error, ...(error.details.also ?? [])].map(({ message, details: { where } }) =>
      where === undefined ? message : `${where.file}:${where.line ?? ''}: ${message}`.replace(`${dir}/`, ''),
    );
  }
  return [];
}
