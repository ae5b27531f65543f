/**
 * The configuration as environment variables for hooks: `OSMITH_IMAGE_COMPRESSION`, and `OSMITH_ARCH` for `[build]`.
 *
 * Better than the Endless builder, on purpose: what is private stays out, because the environment of a step becomes
 * part of its key and log. Two options with the same variable are an error of the configuration (see check-names.ts).
 */
import type { Config } from './types.ts';

export function toEnv(config: Config, prefix: string): Record<string, string> {
  return Object.fromEntries(
    config.sections().flatMap((section) =>
      config
        .options(section)
        .filter((option) => !config.isPrivate(section, option))
        .map((option) => [variableName(prefix, section, option), exported(config.get(section, option))]),
    ),
  );
}

export function variableName(prefix: string, section: string, option: string): string {
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
