/** Runs the checks that hooks declare, before any work. */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Config } from '../../config/index.ts';
import { words } from '../../config/text.ts';
import { OsmithError } from '../../errors.ts';
import { checkDconf, checkLocks } from './dconf.ts';
import { checkIconGrid, checkJson, checkPolicies } from './json.ts';
import { localdirOf } from '../find-hook.ts';
import type { Check, CheckedFile, CheckedOption, Finding } from './types.ts';
import { checkHostname, checkInitialSetup, checkKeyboard, checkPng, checkPresets } from './values.ts';

const CHECKS: Record<string, Check> = {
  dconf: { files: checkDconf },
  'dconf-locks': { files: checkLocks },
  hostname: { values: checkHostname },
  'icon-grid': { files: checkIconGrid },
  'initial-setup': { files: checkInitialSetup },
  json: { files: checkJson },
  keyboard: { values: checkKeyboard },
  paths: { paths: true },
  png: { files: checkPng },
  policies: { files: checkPolicies },
  presets: { values: checkPresets },
};

export const CHECK_NAMES = Object.keys(CHECKS);

/** A check and the options, as `SECTION.OPTION`, that it is about. */
export interface DeclaredCheck {
  check: string;
  options: string[];
}

/** Section and option of `SECTION.OPTION`. */
export function optionPath(name: string): [section: string, option: string] {
  const dot = name.lastIndexOf('.');
  return [name.slice(0, dot), name.slice(dot + 1)];
}

/** Value of an option that may not even be declared. */
export function optionText(config: Config, name: string): string {
  return config.find(...optionPath(name))?.trim() ?? '';
}

function checkedOption(config: Config, name: string): CheckedOption {
  const [section, option] = optionPath(name);
  return {
    ...{ name, value: optionText(config, name) },
    where: (word) => config.where(section, option, word),
  };
}

/** The options whose words are paths, which may be relative to the workspace. */
export function pathOptions(checks: DeclaredCheck[]): string[] {
  return checks.flatMap(({ check, options }) => ('values' in CHECKS[check]! ? [] : options));
}

/** What options name; what is not there goes to `findings`. */
function filesOf(
  config: Config,
  options: CheckedOption[],
  { anything, findings }: { anything: boolean; findings: Finding[] },
): CheckedFile[] {
  // Nothing else is there when the hook runs.
  const roots = [config.workspace, ...[localdirOf(config) ?? []].flat()];
  const named = options.flatMap((option) => words(option.value).map((path) => ({ option, path })));
  return named.flatMap(({ option, path }) => {
    const file = resolve(config.workspace, path);
    const info = statSync(file, { throwIfNoEntry: false });
    if (!roots.some((root) => file.startsWith(`${root}/`))) {
      const message = `${option.name} names ${path}, which is not in the workspace`;
      findings.push({ message, hint: 'Copy it there, for example into data/', where: option.where(path) });
      return [];
    }
    if (info?.isFile() === true || (anything && info !== undefined)) return [{ option, path, file }];
    const message = `${option.name} names ${path}, which is ${info === undefined ? 'not there' : 'no file'}`;
    const hint = 'Relative paths start at the workspace';
    findings.push({ message, hint, where: option.where(path) });
    return [];
  });
}

/** What is wrong with the options of a hook. */
export function checkFaults(config: Config, checks: DeclaredCheck[]): OsmithError[] {
  const findings = checks.flatMap(({ check: name, options: names }) => {
    const check = CHECKS[name]!;
    const options = names.map((option) => checkedOption(config, option));
    if ('values' in check) return check.values(...options);
    const findings: Finding[] = [];
    const files = filesOf(config, options, { anything: 'paths' in check, findings });
    return 'files' in check ? [...findings, ...check.files(files)] : findings;
  });
  return findings.map(({ message, hint, where }) => new OsmithError('E_CONFIG', message, { hint, where }));
}
