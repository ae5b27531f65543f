/**
 * The variables of `[build]` that the builder sets before any file is read. There is no clock among them:
 * `build_version` is empty unless something sets it, so that the same files always give the same configuration.
 */
import { seriesOf } from './attributes.ts';
import { escapeDollars } from './interpolate.ts';
import { define, type Table } from './model.ts';
import type { Attributes, ConfigRequest } from './types.ts';

const BUILD = 'build';

export interface BuiltIn {
  table: Table;
  section: string;
  options: string[];
  /** Those that no file may change. */
  fixed: string[];
}

/** A table with the variables alone, and their names. */
export function builtIn(request: ConfigRequest, attributes: Attributes, systemDir: string): BuiltIn {
  const variables = buildVariables(request, attributes, systemDir);
  const table: Table = new Map();
  for (const [name, value] of Object.entries(variables)) {
    const file = request.attributes[name] === undefined ? 'built in' : 'command line';
    define(table, BUILD, name, { value, written: name, where: { file }, private: false, rank: -1 });
  }
  return { table, section: BUILD, options: Object.keys(variables), fixed: Object.keys(attributes) };
}

function buildVariables(request: ConfigRequest, attributes: Attributes, systemDir: string): Attributes {
  const { workspace, localdir } = request;
  const texts = {
    ...attributes,
    series: seriesOf(attributes['branch']!),
    srcdir: workspace,
    sysconfdir: systemDir,
    build_version: '',
    ...(localdir === undefined ? {} : { localdir }),
  };
  const escaped = Object.entries(texts).map(([name, text]): [string, string] => [name, escapeDollars(text)]);
  return {
    ...Object.fromEntries(escaped),
    ...(localdir === undefined ? {} : { localdatadir: '${localdir}/data' }),
  };
}
