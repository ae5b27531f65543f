/** Gets the token of a source from the first place that has one which verifies. */
import { readFile, stat } from 'node:fs/promises';
import { fetchSmall, type Http } from '../update/http.ts';
import { MAX_TOKEN } from '../update/release.ts';

export interface Pulled<T> {
  token: string;
  claims: T;
  from: string;
}

async function fetchToken(http: Http, path: string): Promise<string> {
  if (!path.startsWith('/')) return (await fetchSmall(http, path, MAX_TOKEN)).toString('latin1').trim();
  if ((await stat(path)).size > MAX_TOKEN) throw new Error('the file is too large');
  return (await readFile(path, 'latin1')).trim();
}

/** Undefined when no place has one; what is wrong with each goes to `complain`. */
export async function pull<T>(
  http: Http,
  paths: readonly string[],
  verify: (token: string) => Promise<T>,
  complain: (path: string, error: Error) => void,
): Promise<Pulled<T> | undefined> {
  for (const path of paths) {
    try {
      const token = await fetchToken(http, path);
      return { token, claims: await verify(token), from: path };
    } catch (error) {
      http.signal.throwIfAborted();
      complain(path, error as Error);
    }
  }
  return undefined;
}
