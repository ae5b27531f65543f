import { join } from 'node:path';
import { OsmithError } from '../errors.ts';
import { type AttributeChoice, resolveAttributes } from './attributes.ts';
import { builtIn } from './builtin.ts';
import { check } from './check.ts';
import { createConfig } from './config.ts';
import { type Fault, faultsError, placeText } from './fault.ts';
import type { IniFile } from './ini.ts';
import { dollarFault } from './interpolate.ts';
import { layers, savedLayers } from './layers.ts';
import { pour, type Source, toModel } from './model.ts';
import { nearest } from './nearest.ts';
import { portableName, savedHead } from './saved.ts';
import {
  checkWorkspace,
  isDirectory,
  pathExistsFrom,
  readIni,
  readText,
  siblingsFrom,
  valuesWithFiles,
} from './read.ts';
import { listsOf, overlay, parseSchema, type Schema } from './schema.ts';
import { parseSetting } from './set.ts';
import type { Config, ConfigRequest } from './types.ts';

const SYSTEM_DIR = '/etc/osmith';

/** Reads and checks the configuration of one variant. Throws every fault at once. */
export function loadConfig(request: ConfigRequest): Config {
  const { workspace, localdir, systemDir = SYSTEM_DIR } = request;
  checkWorkspace(workspace);
  const settings = request.set.map(parseSetting);
  const schemaFiles = configDirs(request).flatMap((dir) => readIni(join(dir, 'schema.ini')) ?? []);
  const schemaText = overlay(schemaFiles);
  const schema = parseSchema(schemaText);

  const choice = resolveAttributes(request.attributes, schemaText, process.arch);
  const roots = { workspace, localdir, systemDir };
  const wanted = request.saved === undefined ? layers(roots, choice) : savedLayers(request.saved, roots);
  const found = wanted.flatMap((layer): Source[] => {
    const ini = readIni(layer.file);
    return ini === undefined ? [] : [{ ini, layer }];
  });
  if (schema.strict && request.saved === undefined) checkKnown(request, choice, found);

  const sources = [...found, ...settings];
  const fileFaults = sources.flatMap(({ ini }) => [...ini.faults, ...dollarFaults(ini)]);
  const schemaFaults = [...schemaFiles.flatMap((ini) => ini.faults), ...(schema.strict ? schema.faults : [])];
  // What a broken schema says of the values is worth nothing.
  if (schemaFaults.length > 0) throwIfAny([...schemaFaults, ...fileFaults]);

  const lists = (section: string) => listsOf(schema, section);
  const base = builtIn(request, choice.values, systemDir);
  sources.forEach((source, rank) => pour(base.table, source, rank, lists));
  const model = toModel(base.table, lists);

  const findings = check({
    model,
    schema,
    builtIn: base,
    pathExists: pathExistsFrom(workspace),
    siblings: siblingsFrom(workspace),
  });
  throwIfAny([...fileFaults, ...findings.faults.filter((fault) => !isToldBy(fileFaults, fault))]);

  const files = [...schemaFiles, ...found.map(({ ini }) => ini)].map((ini) => ini.file);
  const publicFiles = found.filter(({ layer }) => !layer.private);
  const head =
    request.saved === undefined
      ? {
          files: publicFiles.map(({ layer }) => portableName(layer, roots)),
          settings: settings.flatMap(({ ini }) => optionNames(ini)),
        }
      : savedHead(readText(request.saved));
  const save = { ...head, buildSection: base.section };
  const config = createConfig({ attributes: choice.values, workspace, files, model, lists, save });
  const warnings = [...localdirWarnings(localdir), ...schemaWarnings(schema), ...findings.warnings];
  return { ...config, warnings: warnings.map(warningText) };
}

function configDirs({ workspace, localdir }: ConfigRequest): string[] {
  return [workspace, ...(localdir === undefined ? [] : [localdir])].map((dir) => join(dir, 'config'));
}

function throwIfAny([first, ...rest]: Fault[]): void {
  if (first !== undefined) throw faultsError([first, ...rest]);
}

/** Whether the line of a fault is wrong already: what follows from that need not be told. */
function isToldBy(told: Fault[], { where }: Fault): boolean {
  return told.some((other) => other.where?.file === where?.file && other.where?.line === where?.line);
}

function dollarFaults({ file, defaults, sections }: IniFile): Fault[] {
  return [['DEFAULT', { options: defaults }] as const, ...sections].flatMap(([section, { options }]) =>
    [...options].flatMap(([option, { value, line }]) => {
      const message = dollarFault(value);
      const hint = 'Write $$ for a dollar sign';
      return message === undefined
        ? []
        : { message: `[${section}] ${option}: ${message}`, hint, where: { file, line } };
    }),
  );
}

/** A product or branch that no file knows is a misspelt one, if there are files for others. */
function checkKnown(request: ConfigRequest, { values }: AttributeChoice, found: Source[]): void {
  for (const name of ['product', 'branch']) {
    const known = [...new Set(configDirs(request).flatMap((dir) => valuesWithFiles(join(dir, name))))];
    if (known.length === 0 || found.some(({ layer }) => layer.attributes.includes(name))) continue;
    const value = values[name]!;
    const meant = nearest(value, known);
    throw new OsmithError('E_USAGE', `There is no ${name} ${value}`, {
      hint: `${meant === undefined ? '' : `Did you mean ${meant}? `}Known: ${known.join(', ')}`,
    });
  }
}

function optionNames({ sections }: IniFile): string[] {
  return [...sections].flatMap(([section, { options }]) =>
    [...options.keys()].map((name) => `${section}.${name}`),
  );
}

function localdirWarnings(localdir: string | undefined): Fault[] {
  return localdir === undefined || isDirectory(localdir)
    ? []
    : [{ message: `--localdir ${localdir} does not exist` }];
}

function schemaWarnings(schema: Schema): Fault[] {
  return schema.strict ? [] : schema.faults;
}

function warningText({ message, hint, where }: Fault): string {
  const place = where === undefined ? '' : `${placeText(where)}: `;
  return `${place}${message}${hint === undefined ? '' : ` (${hint})`}`;
}
