/** `osmith show-config`: what a variant's configuration is, and why. */
import { type Command, Option } from 'commander';
import { type Attributes, type Config, nearest, toEnv } from '../config/index.ts';
import {
  differences,
  showDifference,
  showExplanation,
  showIni,
  shownValue,
  toObject,
} from '../config/show.ts';
import { OsmithError } from '../errors.ts';
import { globals } from './globals.ts';
import { addVariantOptions, loadVariant, parseAttribute } from './variant.ts';

interface ShowOptions {
  explain?: string;
  env?: boolean;
  diff?: string[];
}

export function register(program: Command): void {
  const command = program.command('show-config').description('print the merged configuration');
  addVariantOptions(command)
    .addOption(
      new Option('--explain <section.option>', 'each file and line that had a part in a value').conflicts([
        'env',
        'diff',
      ]),
    )
    .addOption(new Option('--env', 'as the environment variables that hooks get').conflicts('diff'))
    .addOption(new Option('--diff <attribute=value...>', 'what another variant has different'))
    .action((_branch: string | undefined, options: ShowOptions) => {
      process.stdout.write(show(command, options));
    });
}

function show(command: Command, { explain, env, diff }: ShowOptions): string {
  const { json } = globals(command);
  const config = loadVariant(command);
  if (explain !== undefined) return explanation(config, explain, json);
  if (diff !== undefined) return difference(config, loadVariant(command, parseAttributes(diff)), json);
  if (env === true) return environment(toEnv(config, 'OSMITH'), json);
  return json ? asJson(toObject(config)) : showIni(config);
}

function difference(config: Config, other: Config, json: boolean): string {
  return json ? asJson(differences(config, other)) : showDifference(config, other);
}

function asJson(value: object): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

function explanation(config: Config, name: string, json: boolean): string {
  const { section, option } = findOption(config, name);
  if (!json) return showExplanation(config, section, option);
  return asJson({
    section,
    option,
    value: shownValue(config, section, option),
    contributions: config.explain(section, option),
  });
}

/** Names of sections and options may both contain dots: every one is tried. */
function findOption(config: Config, name: string): { section: string; option: string } {
  const known = config
    .sections()
    .flatMap((section) => config.options(section).map((option) => ({ section, option })));
  const wanted = known.find(({ section, option }) => matches(name, section, option));
  if (wanted !== undefined) return wanted;
  const meant = nearest(
    name,
    known.map(({ section, option }) => `${section}.${option}`),
  );
  throw new OsmithError('E_USAGE', `There is no option ${name}`, {
    hint:
      meant === undefined
        ? 'Write SECTION.OPTION; `osmith show-config` shows all of them'
        : `Did you mean ${meant}?`,
  });
}

function matches(name: string, section: string, option: string): boolean {
  return name.startsWith(`${section}.`) && name.slice(section.length + 1).toLowerCase() === option;
}

/** Lines that a shell can read. */
function environment(env: Record<string, string>, json: boolean): string {
  if (json) return asJson(env);
  return Object.entries(env)
    .map(([name, value]) => `${name}=${quote(value)}\n`)
    .join('');
}

function quote(value: string): string {
  return /^[\w@%+=:,./-]*$/u.test(value) ? value : `'${value.replaceAll("'", String.raw`'\''`)}'`;
}

function parseAttributes(pairs: string[]): Partial<Attributes> {
  return Object.assign({}, ...pairs.map(parseAttribute)) as Partial<Attributes>;
}
