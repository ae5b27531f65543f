/**
 * The variables of `[build]` that the builder sets before any file is read: those of the Endless builder, since the
 * files of its workspaces use them. There is no clock among them: `build_version` is empty unless something sets it,
 * so that the same files always give the same configuration.
 */
import { escapeDollars } from './interpolate.ts';
import { define, type Table } from './model.ts';
import type { Attributes, ConfigRequest } from './types.ts';

const BUILD = 'build';

/** What each variable is, for the documentation. The attributes come before these. */
export const VARIABLES: Record<string, string> = {
  series: 'The branch without its last component: `eos3` for `eos3.9`',
  srcdir: 'The workspace',
  cachedir: 'Where workspaces made for the Endless builder put their working files; no step of Osmith does',
  sysconfdir: "The machine's own configuration",
  build_version:
    'Empty, since a build does not depend on the time; `--set build.build_version=VERSION` gives it one',
  dry_run: 'Whether nothing is to be published',
  use_production_ostree: 'Whether the system comes from the repository for releases',
  localdir: 'The directory given with `--localdir`; not set without it',
  localdatadir: 'Its data files; not set without `--localdir`',
};

const CACHE_DIR = '/var/cache/osmith';

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
    cachedir: CACHE_DIR,
    sysconfdir: systemDir,
    build_version: '',
    dry_run: 'false',
    use_production_ostree: 'false',
    ...(localdir === undefined ? {} : { localdir }),
  };
  const escaped = Object.entries(texts).map(([name, text]): [string, string] => [name, escapeDollars(text)]);
  return {
    ...Object.fromEntries(escaped),
    ...(localdir === undefined ? {} : { localdatadir: '${localdir}/data' }),
  };
}

/** Branch without its last component: `eos3.8` gives `eos3`, `master` itself. */
export function seriesOf(branch: string): string {
  return branch.replace(/\.[^.]*$/u, '');
}
