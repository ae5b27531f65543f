/** The standard library: values written as JSON, YAML, INI and TOML. */
import type { Json } from '../types.ts';
import { JsonnetError } from './error.ts';
import { fromJson, type Layout, quoteText, showJson, toJson } from './manifest.ts';
import { boolean, type Library, list, text } from './native.ts';
import { toText } from './operators.ts';
import {
  checkAsserts,
  compareText,
  fieldNames,
  force,
  getField,
  type ObjectValue,
  type Thunk,
  type Value,
} from './values.ts';

type JsonObject = { [key: string]: Json };

function isObject(json: Json): json is JsonObject {
  return json !== null && typeof json === 'object' && !Array.isArray(json);
}

/** Sorted by code point, also names that look like numbers. */
function entries(json: JsonObject): [string, Json][] {
  return Object.entries(json).sort(([a], [b]) => compareText(a, b));
}

function oneLine(colon: string): Layout {
  return { indent: undefined, newline: '', colon, comma: ',', empty: () => '' };
}

/** In empty lists stand two line ends, on which all implementations agree. */
function manifestJson(value: Thunk, indent: string, newline: string, colon: string): string {
  const empty = (level: string) => newline + newline + level;
  return showJson(toJson(force(value)), { indent, newline, colon, comma: ',', empty });
}

const PLAIN_KEY = /^[A-Za-z0-9_/.-]+$/;
/** What some reader of YAML takes for something other than text. */
const RESERVED = [
  /^(?:true|false|yes|no|on|off|y|n|null|-?\.inf|\.nan)$/i,
  /^(?:-|---|[0-9]+-[0-9]+-[0-9]+)$/,
  /^-?(?:0b[01_]+|0x[0-9a-fA-F_]+)$/,
  /^-?[0-9_]*\.?[0-9_]*(?:[eE]-?[0-9_]+)?$/,
];

function yamlKey(name: string, quote: boolean): string {
  return quote || !PLAIN_KEY.test(name) || RESERVED.some((form) => form.test(name))
    ? JSON.stringify(name)
    : name;
}

interface YamlOptions {
  indentArrays: boolean;
  quoteKeys: boolean;
}

function yaml(json: Json, options: YamlOptions, level: string): string {
  if (typeof json === 'string') {
    if (!json.endsWith('\n')) return showJson(json, oneLine(': '));
    const lines = json.slice(0, -1).split('\n');
    return ['|', ...lines.map((line) => (line === '' ? '' : `${level}  ${line}`))].join('\n');
  }
  if (Array.isArray(json)) {
    if (json.length === 0) return '[]';
    const item = (value: Json): string => {
      const isList = Array.isArray(value) && value.length > 0;
      const isMap = isObject(value) && Object.keys(value).length > 0;
      const inner = isList || isMap ? `${level}  ` : level;
      return `${level}-${isList ? `\n${inner}` : ' '}${yaml(value, options, inner)}`;
    };
    return json.map(item).join('\n').slice(level.length);
  }
  if (!isObject(json)) return showJson(json, oneLine(': '));
  const fields = entries(json);
  if (fields.length === 0) return '{}';
  const field = ([name, value]: [string, Json]): string => {
    const isList = Array.isArray(value) && value.length > 0;
    const isMap = isObject(value) && Object.keys(value).length > 0;
    const inner = isMap || (isList && options.indentArrays) ? `${level}  ` : level;
    const gap = isList || isMap ? `\n${inner}` : ' ';
    return `${level}${yamlKey(name, options.quoteKeys)}:${gap}${yaml(value, options, inner)}`;
  };
  return fields.map(field).join('\n').slice(level.length);
}

function iniLines(body: ObjectValue): string[] {
  checkAsserts(body);
  return fieldNames(body).flatMap((name) => {
    const value = getField(body, name);
    const isArray = value !== null && typeof value === 'object' && value.kind === 'array';
    return (isArray ? value.items.map(force) : [value]).map((item) => `${name} = ${toText(item)}`);
  });
}

function asObject(value: Value): ObjectValue {
  if (value === null || typeof value !== 'object' || value.kind !== 'object')
    throw new JsonnetError('Expected an object');
  return value;
}

function ini(value: Value): string {
  const whole = asObject(value);
  const main = fieldNames(whole).includes('main') ? iniLines(asObject(getField(whole, 'main'))) : [];
  const sections = asObject(getField(whole, 'sections'));
  const all = fieldNames(sections).flatMap((name) => [
    `[${name}]`,
    ...iniLines(asObject(getField(sections, name))),
  ]);
  return [...main, ...all, ''].join('\n');
}

function tomlKey(name: string): string {
  return /^[A-Za-z0-9_-]+$/.test(name) ? name : JSON.stringify(name);
}

function isTable(json: Json): boolean {
  return isObject(json) || (Array.isArray(json) && json.length > 0 && json.every(isObject));
}

function tomlValue(json: Json, indent: string, level: string, inline: boolean): string {
  if (json === null) throw new JsonnetError('TOML has no null');
  if (Array.isArray(json)) {
    if (json.length === 0) return '[]';
    const newline = inline ? ' ' : '\n';
    const inner = inline ? '' : level + indent;
    const items = json.map((item) => inner + tomlValue(item, indent, '', true));
    return `[${newline}${items.join(`,${newline}`)}${newline}${inline ? '' : level}]`;
  }
  if (isObject(json)) {
    const items = entries(json).map(
      ([name, item]) => `${tomlKey(name)} = ${tomlValue(item, indent, '', true)}`,
    );
    return `{ ${items.join(', ')} }`;
  }
  return showJson(json, oneLine(': '));
}

function toml(table: JsonObject, path: string[], indent: string, level: string): string {
  const plain = entries(table).filter(([, value]) => !isTable(value));
  const tables = entries(table).filter(([, value]) => isTable(value));
  const own = plain.map(
    ([name, value]) => `${level}${tomlKey(name)} = ${tomlValue(value, indent, level, false)}`,
  );
  const deeper = path.length === 0 ? '' : level;
  const nested = tables.flatMap(([name, value]) => {
    const here = [...path, tomlKey(name)].join('.');
    const one = (item: JsonObject, open: string, close: string): string => {
      const body = toml(item, [...path, tomlKey(name)], indent, deeper + indent);
      return `${deeper}${open}${here}${close}${body === '' ? '' : `\n${body}`}`;
    };
    if (Array.isArray(value)) return value.map((item) => one(item as JsonObject, '[[', ']]'));
    return [one(value as JsonObject, '[', ']')];
  });
  return [own.join('\n'), ...nested].filter((part) => part !== '').join('\n\n');
}

function python(json: Json): string {
  if (typeof json === 'boolean') return json ? 'True' : 'False';
  if (json === null) return 'None';
  if (Array.isArray(json)) return `[${json.map(python).join(', ')}]`;
  if (!isObject(json)) return showJson(json, oneLine(': '));
  return `{${entries(json)
    .map(([name, value]) => `${quoteText(name)}: ${python(value)}`)
    .join(', ')}}`;
}

/** JsonML: `["tag", {attribute: value}, child, ...]`. */
function xml(json: Json): string {
  if (typeof json === 'string') return json;
  if (!Array.isArray(json)) throw new JsonnetError('JsonML is made of arrays and strings');
  const [tag, second] = json;
  const attributes = second !== undefined && isObject(second) ? second : {};
  const children = json.slice(attributes === second ? 2 : 1);
  const list = entries(attributes).map(([name, value]) => ` ${name}="${toText(fromJson(value))}"`);
  return `<${toText(fromJson(tag ?? null))}${list.join('')}>${children.map(xml).join('')}</${toText(fromJson(tag ?? null))}>`;
}

export const manifestLibrary: Library = {
  'manifestJson(value)': (value) => manifestJson(value, '    ', '\n', ': '),
  'manifestJsonEx(value, indent, newline="\\n", key_val_sep=": ")': (value, indent, newline, colon) =>
    manifestJson(value, text(indent), text(newline), text(colon)),
  'manifestJsonMinified(value)': (value) => showJson(toJson(force(value)), oneLine(':')),
  'manifestYamlDoc(value, indent_array_in_object=false, quote_keys=true)': (value, indent, quote) =>
    yaml(toJson(force(value)), { indentArrays: boolean(indent), quoteKeys: boolean(quote) }, ''),
  'manifestYamlStream(value, indent_array_in_object=false, c_document_end=true, quote_keys=true)': (
    value,
    indent,
    end,
    quote,
  ) => {
    const options = { indentArrays: boolean(indent), quoteKeys: boolean(quote) };
    const documents = list(value).items.map((item) => yaml(toJson(force(item)), options, ''));
    return `---\n${documents.join('\n---\n')}${boolean(end) ? '\n...\n' : '\n'}`;
  },
  'manifestPython(v)': (v) => python(toJson(force(v))),
  'manifestPythonVars(conf)': (conf) =>
    entries(toJson(asObject(force(conf))) as JsonObject)
      .map(([name, value]) => `${name} = ${python(value)}\n`)
      .join(''),
  'manifestXmlJsonml(value)': (value) => xml(toJson(force(value))),
  'manifestIni(ini)': (value) => ini(force(value)),
  'manifestToml(value)': (value) => manifestToml(value, '  '),
  'manifestTomlEx(value, indent)': (value, indent) => manifestToml(value, text(indent)),
};

function manifestToml(value: Thunk, indent: string): string {
  const json = toJson(asObject(force(value)));
  return toml(json as JsonObject, [], indent, '');
}
