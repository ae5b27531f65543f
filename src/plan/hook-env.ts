/**
 * The variables that a hook gets: those of the configuration that it names. Where one of them is a path of the workspace
 * or the local directory, that file is an input of the hook, and the value its place in the sandbox.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config/index.ts';
import { toEnv } from '../config/env.ts';
import { localdirOf } from './find-hook.ts';
import { sourceInput } from './source.ts';
import type { Input } from './types.ts';

/** Where a step's directories are, seen from inside a tree that a hook was put into. */
export const INSIDE = '/run/osmith';

/** Whether hooks also get the variables that the Endless image builder would give them. */
export function eibEnvironment(config: Config): boolean {
  return config.find('hooks', 'eib_environment') !== undefined && config.bool('hooks', 'eib_environment');
}

/** Variables by name, values as the configuration has them. */
export function hookVariables(config: Config): Record<string, string> {
  const eib = eibEnvironment(config) ? toEnv(config, 'EIB') : {};
  return { ...toEnv(config, 'OSMITH'), ...eib };
}

interface Root {
  /** Directory of this machine. */
  host: string;
  /** The same in the sandbox. */
  sandbox: string;
  /** Makes what is below it an input. */
  input?: (path: string) => Input;
}

/** The directories that values may point into. */
function roots(config: Config): Root[] {
  const localdir = localdirOf(config);
  const own: Root[] = [
    {
      host: config.workspace,
      sandbox: '/in/workspace',
      input: (path) => sourceInput(config.workspace, path),
    },
  ];
  if (localdir !== undefined) {
    own.push({
      ...{ host: localdir, sandbox: '/in/localdir' },
      input: (path) => ({
        ...sourceInput(localdir, join(localdir, path)),
        name: join('localdir', path),
      }),
    });
  }
  if (!eibEnvironment(config)) return own;
  // Directories of the original's [build] section.
  const places = { manifestdir: '/work/manifest', contentdir: '/work/content', outdir: '/in/artifacts' };
  const scratch = { tmpdir: '/work/scratch', cachedir: '/work/scratch' };
  const others = Object.entries({ ...places, ...scratch }).flatMap(([option, sandbox]): Root[] => {
    const host = config.find('build', option)?.trim();
    return host?.startsWith('/') ? [{ host, sandbox }] : [];
  });
  return [...own, ...others];
}

function below(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`);
}

/** Values with their paths put where the sandbox has them, and the inputs that this takes: those of `named` ones. */
export function placePaths(
  config: Config,
  env: Record<string, string>,
  { inside, named }: { inside: boolean; named: (variable: string) => boolean },
): { env: Record<string, string>; inputs: Record<string, Input> } {
  const inputs: Record<string, Input> = {};
  const known = roots(config).sort((a, b) => b.host.length - a.host.length);
  const place = (path: string, isInput: boolean): string => {
    const root = known.find(({ host }) => below(path, host));
    if (root === undefined) return path;
    const placed = root.sandbox + path.slice(root.host.length);
    if (isInput && root.input !== undefined && existsSync(path)) {
      inputs[placed.slice('/in/'.length)] = root.input(path.slice(root.host.length + 1));
    }
    return inside ? INSIDE + placed : placed;
  };
  const whole = (value: string) => value.startsWith('/') && existsSync(value);
  const placed = Object.entries(env).map(([name, value]) => [
    name,
    whole(value) ? place(value, named(name)) : value.replace(/\S+/g, (word) => place(word, named(name))),
  ]);
  return { env: Object.fromEntries(placed) as Record<string, string>, inputs };
}
