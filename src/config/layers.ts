/** Which files make up the configuration of a variant, in which order: later ones go over earlier ones. */
import { join } from 'node:path';
import type { AttributeChoice } from './attributes.ts';

export interface Layer {
  file: string;
  /** Keeps `apps_add` of one file apart from that of another. */
  namespace: string;
  private: boolean;
  /** The attributes that choose the file. */
  attributes: string[];
}

export interface LayerRoots {
  workspace: string;
  localdir?: string | undefined;
  systemDir: string;
}

/** What was saved goes in place of what it was made from; private files are not in it. */
export function savedLayers(saved: string, roots: LayerRoots): Layer[] {
  const own: Layer = { file: saved, namespace: 'saved', private: false, attributes: [] };
  return [own, ...privateLayers(roots)];
}

export function layers({ workspace, localdir, systemDir }: LayerRoots, choice: AttributeChoice): Layer[] {
  const own = join(workspace, 'config');
  const local = localdir === undefined ? undefined : join(localdir, 'config');
  return [
    ...tree(own, '', choice),
    single(systemDir, 'config.ini', 'system_config', false),
    ...(local === undefined ? [] : tree(local, 'local_', choice)),
    single(own, 'local.ini', 'local', false),
    ...privateLayers({ workspace, localdir, systemDir }),
  ];
}

function privateLayers({ workspace, localdir, systemDir }: LayerRoots): Layer[] {
  const local = localdir === undefined ? undefined : join(localdir, 'config');
  return [
    single(systemDir, 'private.ini', 'system_private', true),
    ...(local === undefined ? [] : [single(local, 'private.ini', 'local_private', true)]),
    single(join(workspace, 'config'), 'private.ini', 'private', true),
  ];
}

function single(directory: string, name: string, namespace: string, isPrivate: boolean): Layer {
  return { file: join(directory, name), namespace, private: isPrivate, attributes: [] };
}

/** defaults.ini, a file for each attribute, then one for each pair of attributes. */
function tree(directory: string, prefix: string, { order, values }: AttributeChoice): Layer[] {
  const alone = order.map((name) => [name]);
  const pairs = order.flatMap((first, index) => order.slice(index + 1).map((second) => [first, second]));
  const chosen = [...alone, ...pairs].flatMap((names) =>
    combinations(names.map((name) => spellings(name, values[name]!))).map((combination) => ({
      file: join(directory, names.join('-'), `${combination.join('-')}.ini`),
      namespace: `${prefix}${names.join('_')}_${combination.join('_')}`,
      private: false,
      attributes: names,
    })),
  );
  return [single(directory, 'defaults.ini', `${prefix}defaults`, false), ...chosen];
}

/** A personality stands for all its prefixes too: `en_GB_orkney` for `en`, `en_GB` and itself. */
function spellings(attribute: string, value: string): string[] {
  if (attribute !== 'personality') return [value];
  const parts = value.split('_');
  return parts.map((_, index) => parts.slice(0, index + 1).join('_')).filter((prefix) => prefix !== '');
}

function combinations([first = [], ...rest]: string[][]): string[][] {
  if (rest.length === 0) return first.map((value) => [value]);
  return first.flatMap((value) => combinations(rest).map((more) => [value, ...more]));
}
