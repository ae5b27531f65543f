/**
 * The configuration as environment variables for hooks: `OSMITH_IMAGE_COMPRESSION`, and `OSMITH_ARCH` for `[build]`.
 *
 * Better than the Endless builder, on purpose: two options with the same variable are an error (there the last one
 * counts), and what is private stays out, because the environment of a step becomes part of its key and log.
 */
import { faultsError } from './fault.ts';
import type { Config } from './types.ts';

export function toEnv(config: Config, prefix: string): Record<string, string> {
  const env: Record<string, string> = {};
  const owners = new Map<string, string>();
  for (const section of config.sections()) {
    for (const option of config.options(section).filter((name) => !config.isPrivate(section, name))) {
      const name = variableName(prefix, section, option);
      const owner = `[${section}] ${option}`;
      const other = owners.get(name);
      if (other !== undefined) {
        const message = `${other} and ${owner} are both exported as ${name}`;
        throw faultsError([{ message, hint: 'Rename one of them', where: config.where(section, option) }]);
      }
      owners.set(name, owner);
      env[name] = exported(config.get(section, option));
    }
  }
  return env;
}

function variableName(prefix: string, section: string, option: string): string {
  const parts = section === 'build' ? [prefix, option] : [prefix, section, option];
  return parts
    .join('_')
    .toUpperCase()
    .replaceAll(/[^A-Z0-9_]/gu, '_');
}

/** Truth is written in lower case, so that hooks can compare it. */
function exported(value: string): string {
  return /^(?:true|false)$/iu.test(value) ? value.toLowerCase() : value;
}
