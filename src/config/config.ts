import type { Where } from '../errors.ts';
import { createEvaluator, isPrivate, isRawPrivate } from './evaluate.ts';
import { explainOption } from './explain.ts';
import { type Fault, faultsError, HIDDEN } from './fault.ts';
import { InterpolationError } from './interpolate.ts';
import { definitionOfWord, type Model, winner } from './model.ts';
import { nearest } from './nearest.ts';
import { savedIni, type SavedParts } from './saved.ts';
import { words } from './text.ts';
import type { Attributes, Config } from './types.ts';
import { parseBool, parseInteger, parseSize } from './values.ts';

export interface ConfigParts {
  attributes: Attributes;
  workspace: string;
  files: string[];
  model: Model;
  /** The options of a section that are lists, whether set or not. */
  lists: (section: string) => string[];
  /** For the saved configuration. */
  save: Omit<SavedParts, 'model' | 'attributes'>;
}

export function createConfig({ attributes, workspace, files, model, lists, save }: ConfigParts): Config {
  const evaluator = createEvaluator(model);
  const where = (section: string, option: string, word?: string): Where | undefined => {
    const name = option.toLowerCase();
    const found =
      word === undefined ? winner(model, section, name) : definitionOfWord(model, section, name, word);
    return found?.where;
  };

  const guarded = <T>(read: () => T): T => {
    try {
      return read();
    } catch (error) {
      throw error instanceof InterpolationError ? faultsError([interpolationFault(model, error)]) : error;
    }
  };
  const find = (section: string, option: string) =>
    guarded(() => evaluator.text(section, option.toLowerCase()));

  const get = (section: string, option: string): string => {
    const value = find(section, option);
    if (value === undefined) throw faultsError([missingFault(model, section, option)]);
    return value;
  };

  const hidden = (section: string, option: string) => isPrivate(model, section, option.toLowerCase());

  const parsed = <T>(
    section: string,
    option: string,
    parse: (value: string) => T | undefined,
    hint: string,
  ): T => {
    const value = get(section, option);
    const result = parse(value);
    if (result !== undefined) return result;
    const shown = hidden(section, option) ? HIDDEN : value;
    const message = `Configuration key [${section}] ${option} has invalid value: ${shown}`;
    throw faultsError([{ message, hint, where: where(section, option) }]);
  };

  return {
    attributes,
    workspace,
    files,
    warnings: [],
    sections: () => [...model.keys()],
    options: (section) => [...(model.get(section)?.options.keys() ?? [])],
    get,
    find,
    list: (section, option) => {
      const unset = find(section, option) === undefined && lists(section).includes(option.toLowerCase());
      return unset ? [] : words(get(section, option));
    },
    bool: (section, option) => parsed(section, option, parseBool, 'Write true or false'),
    int: (section, option) => parsed(section, option, parseInteger, 'Write a whole number'),
    size: (section, option) => parsed(section, option, parseSize, 'Write a size such as 512M or 2G'),
    raw: (section, option) => guarded(() => evaluator.raw(section, option.toLowerCase())),
    where,
    explain: (section, option) => explainOption(model, section, option.toLowerCase()),
    isPrivate: hidden,
    isRawPrivate: (section, option) => isRawPrivate(model, section, option.toLowerCase()),
    saved: (name, by) => savedIni({ model, attributes, ...save }, name, by),
  };
}

/** The fault as the user sees it, with the option named as it is written there. */
export function interpolationFault(model: Model, { message, at, target }: InterpolationError): Fault {
  const guilty = winner(model, at.section, at.option);
  if (guilty?.private === true) {
    // The message quotes the value, which is a secret.
    const message = `[${at.section}] ${guilty.written}: The value has a reference that does not work`;
    return { message, hint: 'Write $$ for a dollar sign', where: guilty.where };
  }
  return {
    message: `[${at.section}] ${guilty?.written ?? at.option}: ${message}`,
    hint: target === undefined ? undefined : suggestion(model, target.section, target.option),
    where: guilty?.where,
  };
}

function missingFault(model: Model, section: string, option: string): Fault {
  return {
    message: `Configuration key [${section}] ${option} is not set`,
    hint: suggestion(model, section, option),
  };
}

/** The name that was probably meant, else how to set the option. */
function suggestion(model: Model, section: string, option: string): string {
  const known = model.get(section)?.options.keys();
  const meant = known === undefined ? nearest(section, model.keys()) : nearest(option, known);
  return meant === undefined
    ? `Set it, for example with --set ${section}.${option}=VALUE`
    : `Did you mean ${meant}?`;
}
