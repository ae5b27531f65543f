/** Finds sections and options that no schema declares, and options that would be the same variable for hooks. */
import type { CheckContext } from './check-values.ts';
import { variableName } from './env.ts';
import { type Fault, placeText } from './fault.ts';
import { matchesGlob } from './glob.ts';
import { type Model, winner } from './model.ts';
import { nearest } from './nearest.ts';
import { rulesFor, type Schema } from './schema.ts';

/** A section if `option` is absent. */
interface Unknown {
  section: string;
  option?: string;
  fault: Fault;
  /** Whether a known name is so near that this one is likely to be misspelt. */
  isNear: boolean;
}

/**
 * Names that are not declared. A schema that is not strict need not declare everything: there, only those that look
 * misspelt are told one by one.
 */
export function unknownNames(context: CheckContext): Fault[] {
  const found = [...context.model.keys()].flatMap((section) => unknownIn(context, section));
  if (context.schema.strict) return found.map(({ fault }) => fault);
  const rest = found.filter(({ isNear }) => !isNear);
  return [...found.filter(({ isNear }) => isNear).map(({ fault }) => fault), ...summary(rest)];
}

function unknownIn({ model, schema, builtIn }: CheckContext, section: string): Unknown[] {
  const patterns = [builtIn.section, ...schema.rules.map((rule) => rule.section)];
  const options = [...(model.get(section)?.options ?? [])];
  if (!patterns.some((pattern) => matchesGlob(pattern, section))) {
    const meant = nearest(section, patterns);
    const where = options[0] && winner(model, section, options[0][0])?.where;
    const hint = didYouMean(meant);
    return [
      {
        section,
        isNear: meant !== undefined,
        fault: { message: `Unknown section [${section}]`, hint, where },
      },
    ];
  }
  const rules = rulesFor(schema, section).map((rule) => rule.option);
  const known = section === builtIn.section ? [...rules, ...builtIn.options] : rules;
  const strange = options.filter(
    ([option, entry]) => !known.includes(option) && entry.definitions.length > 0,
  );
  return strange.map(([option]) => {
    const meant = nearest(option, known);
    const message = `Unknown option ${option} in [${section}]`;
    const hint = didYouMean(meant) ?? elsewhere(option, schema);
    const where = winner(model, section, option)?.where;
    return { section, option, isNear: meant !== undefined, fault: { message, hint, where } };
  });
}

function didYouMean(meant: string | undefined): string | undefined {
  return meant === undefined ? undefined : `Did you mean ${meant}?`;
}

function elsewhere(option: string, schema: Schema): string {
  const sections = schema.rules.filter((rule) => rule.option === option).map((rule) => `[${rule.section}]`);
  if (sections.length > 0) return `It belongs into ${sections.join(' or ')}`;
  return 'Declare it in config/schema.ini if it is yours';
}

function summary(unknown: Unknown[]): Fault[] {
  if (unknown.length === 0) return [];
  const sections = unknown.filter(({ option }) => option === undefined).map(({ section }) => `[${section}]`);
  const options = unknown.flatMap(({ section, option }) =>
    option === undefined ? [] : `${section}.${option}`,
  );
  const told = [counted(sections, 'section'), counted(options, 'option')].filter((text) => text !== '');
  return [
    {
      message: `config/schema.ini does not declare ${told.join(' and ')}, so that nothing checks them`,
    },
  ];
}

function counted(names: string[], what: string): string {
  const [first, ...more] = names;
  if (first === undefined) return '';
  return more.length === 0 ? `the ${what} ${first}` : `${names.length} ${what}s such as ${first}`;
}

/** Two options that hooks would see under one name. */
export function collisions(model: Model): Fault[] {
  const owners = new Map<string, { section: string; option: string }>();
  return [...model].flatMap(([section, { options }]) =>
    [...options.keys()].flatMap((option): Fault[] => {
      const name = variableName('OSMITH', section, option);
      const other = owners.get(name);
      owners.set(name, other ?? { section, option });
      if (other === undefined) return [];
      const first = winner(model, other.section, other.option)?.where;
      const place = first === undefined ? '' : `; the other is at ${placeText(first)}`;
      return [
        {
          message: `[${other.section}] ${other.option} and [${section}] ${option} are the same variable ${name} for hooks`,
          hint: `Rename one of them${place}`,
          where: winner(model, section, option)?.where,
        },
      ];
    }),
  );
}
