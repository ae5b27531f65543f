/** Holds the values of a configuration against the types and words that its schema allows. */
import { isPrivate } from './evaluate.ts';
import { type Fault, HIDDEN } from './fault.ts';
import { definitionOfWord, type Model, winner } from './model.ts';
import { nearest } from './nearest.ts';
import { isListType, type Rule, rulesFor, type Schema } from './schema.ts';
import { words } from './text.ts';
import { pathsOf, typeFault } from './values.ts';

export interface CheckContext {
  model: Model;
  schema: Schema;
  /** Options that the builder sets, which a schema need not declare. A file cannot change the fixed ones. */
  builtIn: { section: string; options: string[]; fixed: string[] };
  pathExists: (path: string) => boolean;
  /** The paths beside it. */
  siblings: (path: string) => string[];
}

/** Section -> option -> value with references resolved. */
export type Texts = Map<string, Map<string, string>>;

export function badValues(context: CheckContext, texts: Texts): Fault[] {
  return [...texts].flatMap(([section, options]) =>
    rulesFor(context.schema, section).flatMap((rule) => {
      const value = options.get(rule.option);
      if (value === undefined) return [];
      const complaints = [
        ...badWords(rule, value),
        ...badType(rule, value),
        ...badPaths(context, rule, value),
      ];
      return complaints.map((complaint) => toFault(context.model, section, rule, complaint));
    }),
  );
}

/** `text` is the part of the value that is wrong. */
interface Complaint {
  text: string;
  problem: string;
  hint: string;
}

function toFault(model: Model, section: string, rule: Rule, { text, problem, hint }: Complaint): Fault {
  const shown = isPrivate(model, section, rule.option) ? HIDDEN : text;
  const guilty = isListType(rule.type)
    ? definitionOfWord(model, section, rule.option, text)
    : winner(model, section, rule.option);
  return {
    message: `Configuration key [${section}] ${rule.option} ${problem}: ${shown}`,
    hint,
    where: guilty?.where,
  };
}

function badWords({ values, type }: Rule, value: string): Complaint[] {
  if (values === undefined) return [];
  const given = isListType(type) ? words(value) : [value];
  return given
    .filter((text) => !values.includes(text))
    .map((text) => {
      const meant = nearest(text, values);
      const hint = `${meant === undefined ? '' : `Did you mean ${meant}? `}Possible: ${values.join(', ')}`;
      return { text, problem: 'has invalid value', hint };
    });
}

function badType({ type }: Rule, value: string): Complaint[] {
  if (type === undefined) return [];
  return (isListType(type) ? words(value) : [value]).flatMap((text) => {
    const hint = typeFault(type, text);
    return hint === undefined ? [] : [{ text, problem: 'has invalid value', hint }];
  });
}

function badPaths({ pathExists, siblings }: CheckContext, { type }: Rule, value: string): Complaint[] {
  return pathsOf(type, value)
    .filter((path) => !pathExists(path))
    .map((text) => {
      const meant = nearest(text, siblings(text));
      const hint = `${meant === undefined ? '' : `Did you mean ${meant}? `}Relative paths start at the workspace`;
      return { text, problem: 'refers to nonexistent path', hint };
    });
}
