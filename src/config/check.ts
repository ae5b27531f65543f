/** Holds a whole configuration against its schema, and finds every value that does not resolve. */
import { createEvaluator } from './evaluate.ts';
import { badValues, type CheckContext, type Texts } from './check-values.ts';
import { interpolationFault } from './config.ts';
import { type Fault, placeText } from './fault.ts';
import { matchesGlob } from './glob.ts';
import { InterpolationError } from './interpolate.ts';
import { type Model, winner } from './model.ts';
import { nearest } from './nearest.ts';
import { rulesFor, type Schema } from './schema.ts';

export interface Findings {
  faults: Fault[];
  warnings: Fault[];
}

export function check(context: CheckContext): Findings {
  const { model, schema } = context;
  const findings: Findings = { faults: [], warnings: [] };
  const soft = schema.strict ? findings.faults : findings.warnings;
  const texts = resolveAll(model, findings.faults, soft);
  findings.faults.push(...missing(schema, model), ...badValues(context, texts));
  if (schema.strict || schema.rules.length > 0) soft.push(...unknown(context));
  soft.push(...overridden(context));
  findings.warnings.push(...ignoredParts(model));
  return findings;
}

/** A list that cannot be made is a fault in any workspace; another value may be bad as long as nothing uses it. */
function resolveAll(model: Model, hard: Fault[], soft: Fault[]): Texts {
  const evaluator = createEvaluator(model);
  const seen = new Set<string>();
  const texts: Texts = new Map();
  for (const [section, { options }] of model) {
    texts.set(section, new Map());
    for (const [option, entry] of options) {
      try {
        texts.get(section)!.set(option, evaluator.text(section, option)!);
      } catch (error) {
        if (!(error instanceof InterpolationError)) throw error;
        const fault = interpolationFault(model, error);
        const key = `${fault.where?.file}:${fault.where?.line}`;
        // Many options may refer to the one that is wrong: it is told once.
        if (!seen.has(key)) (entry.definitions.length === 0 ? hard : soft).push(fault);
        seen.add(key);
      }
    }
  }
  return texts;
}

function missing(schema: Schema, model: Model): Fault[] {
  return schema.rules
    .filter((rule) => rule.required)
    .flatMap((rule) => {
      const isPattern = /[*?]/u.test(rule.section);
      const sections = isPattern
        ? [...model.keys()].filter((name) => matchesGlob(rule.section, name))
        : [rule.section];
      const lacking = sections.filter((name) => !model.get(name)?.options.has(rule.option));
      return lacking.map((section) => ({
        message: `Required configuration key [${section}] ${rule.option} is missing`,
        hint: `Set it in a file of config/; it is required here`,
        where: rule.where,
      }));
    });
}

function unknown({ model, schema, builtIn }: CheckContext): Fault[] {
  const patterns = [builtIn.section, ...schema.rules.map((rule) => rule.section)];
  return [...model].flatMap(([section, { options }]) => {
    const rules = rulesFor(schema, section).map((rule) => rule.option);
    const known = section === builtIn.section ? [...rules, ...builtIn.options] : rules;
    if (!patterns.some((pattern) => matchesGlob(pattern, section))) {
      const first = [...options.keys()][0];
      const where = first === undefined ? undefined : winner(model, section, first)?.where;
      return [{ message: `Unknown section [${section}]`, hint: didYouMean(section, patterns), where }];
    }
    const strange = [...options].filter(
      ([option, entry]) => !known.includes(option) && entry.definitions.length > 0,
    );
    return strange.map(([option]) => ({
      message: `Unknown option ${option} in [${section}]`,
      hint: didYouMean(option, known) ?? elsewhere(option, schema),
      where: winner(model, section, option)?.where,
    }));
  });
}

function didYouMean(name: string, known: string[]): string | undefined {
  const meant = nearest(name, known);
  return meant === undefined ? undefined : `Did you mean ${meant}?`;
}

function elsewhere(option: string, schema: Schema): string {
  const sections = schema.rules.filter((rule) => rule.option === option).map((rule) => `[${rule.section}]`);
  if (sections.length > 0) return `It belongs into ${sections.join(' or ')}`;
  return 'Declare it in config/schema.ini if it is yours';
}

function overridden({ model, builtIn }: CheckContext): Fault[] {
  return builtIn.fixed.flatMap((option) => {
    const [, ...others] = model.get(builtIn.section)?.options.get(option)?.definitions ?? [];
    return others.map(({ where }) => ({
      message: `[${builtIn.section}] ${option} is set by the builder`,
      hint: 'Choose it on the command line, or its default in [attributes] of schema.ini',
      where,
    }));
  });
}

/** Who adds to a list that an earlier file sets as a whole surely did not know that. */
function ignoredParts(model: Model): Fault[] {
  return [...model].flatMap(([section, { options }]) =>
    [...options].flatMap(([option, { definitions, parts }]) => {
      const fixed = definitions.at(-1);
      if (fixed === undefined) return [];
      return parts
        .flatMap((part) => part.definitions)
        .filter(({ rank }) => rank >= fixed.rank)
        .map(({ written, where }) => ({
          message: `${written} in [${section}] has no effect`,
          hint: `${option} is set as a whole at ${placeText(fixed.where)}; its parts are ignored`,
          where,
        }));
    }),
  );
}
