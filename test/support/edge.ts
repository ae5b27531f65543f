/** The edge product by the one command, into a directory of a test. */
import { osmith, type Finished } from './osmith.ts';

/** How its artifacts begin. */
export const EDGE = 'osmith_deb_amd64';

/** `osmith COMMAND` for it; `set` are settings of the configuration. */
export function edge(command: string, out: string, set: string[], more: string[] = []): Promise<Finished> {
  const settings = set.flatMap((setting) => ['--set', setting]);
  return osmith([command, '--product', 'edge', '--arch', 'amd64', '--out', out, ...settings, ...more]);
}
