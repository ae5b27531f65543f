/** Holds a whole configuration against its schema, and finds every value that does not resolve. */
import { createEvaluator } from './evaluate.ts';
import { collisions, unknownNames } from './check-names.ts';
import { badValues, type CheckContext, type Texts } from './check-values.ts';
import { interpolationFault } from './config.ts';
import { type Fault, placeText } from './fault.ts';
import { matchesGlob } from './glob.ts';
import { InterpolationError, type Reference, references } from './interpolate.ts';
import type { Model } from './model.ts';
import type { Schema } from './schema.ts';

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
  findings.faults.push(...collisions(model));
  if (schema.strict || schema.rules.length > 0) soft.push(...unknownNames(context));
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
        const isHard = entry.definitions.length === 0;
        const key = `${isHard} ${fault.where?.file}:${fault.where?.line}`;
        // Many options may refer to the one that is wrong: it is told once.
        if (!seen.has(key)) (isHard ? hard : soft).push(fault);
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

function overridden({ model, builtIn }: CheckContext): Fault[] {
  return builtIn.fixed.flatMap((option) => {
    const [own, ...others] = model.get(builtIn.section)?.options.get(option)?.definitions ?? [];
    // A saved configuration names its attributes: whoever loads it for another variant made a mistake.
    const wrong = others.filter(({ value }) => value !== own?.value);
    return wrong.map(({ where }) => ({
      message: `[${builtIn.section}] ${option} is set by the builder`,
      hint: `Here it is ${own?.value}: choose it on the command line, or its default in [attributes] of schema.ini`,
      where,
    }));
  });
}

/** Who adds to a list that an earlier file sets as a whole surely did not know that. */
function ignoredParts(model: Model): Fault[] {
  const used = usedNames(model);
  return [...model].flatMap(([section, { options }]) =>
    [...options].flatMap(([option, { definitions, parts }]) => {
      const fixed = definitions.at(-1);
      if (fixed === undefined) return [];
      return parts
        .filter(({ name }) => !used.has(referenceKey({ section, option: name })))
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

/** All that values refer to. */
function usedNames(model: Model): Set<string> {
  const named = [...model].flatMap(([section, { options, parts }]) =>
    [...options, ...parts].flatMap(([option, { definitions }]) =>
      definitions.flatMap(({ value }) => references(value, { section, option })),
    ),
  );
  return new Set(named.map(referenceKey));
}

function referenceKey({ section, option }: Reference): string {
  return JSON.stringify([section, option]);
}
