/** Finds kernel modules and the order to load them, from the indexes that depmod writes (modules.dep(5)). */
import { OsmithError } from '../errors.ts';

/** Texts of `modules.dep`, `modules.builtin`, `modules.softdep`, `modules.alias` of one kernel. */
export interface ModuleIndex {
  dep: string;
  builtin: string;
  softdep: string;
  alias: string;
}

export interface ModuleToLoad {
  /** With underscores, as the kernel names it. */
  name: string;
  /** Relative to the kernel's module directory. */
  path: string;
  /** Only a preference of another module: one of several providers, which may refuse to load on this machine. */
  optional: boolean;
}

/** `kernel/fs/nls/nls_utf8.ko.xz` as `nls_utf8`. */
export function moduleName(path: string): string {
  const file = path.slice(path.lastIndexOf('/') + 1);
  return file.replace(/\.ko(\.(xz|zst|gz))?$/, '').replaceAll('-', '_');
}

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

/** Modules that must be there before each module, from lines `softdep NAME [pre: A B] [post: C]`. */
function softPredecessors(text: string): Map<string, string[]> {
  const before = new Map<string, string[]>();
  for (const line of lines(text)) {
    const match = /^softdep (\S+) .*?\bpre: (.*?)(?: post:.*)?$/.exec(line);
    if (match === null) continue;
    const name = match[1]!.replaceAll('-', '_');
    before.set(name, [...(before.get(name) ?? []), ...match[2]!.trim().split(/\s+/)]);
  }
  return before;
}

/** Aliases without wildcards: `alias crc32c crc32c_generic`. */
function plainAliases(text: string): Map<string, string[]> {
  const aliases = new Map<string, string[]>();
  for (const line of lines(text)) {
    const [, alias = '', module = ''] = line.split(' ');
    if (!/[*?[]/.test(alias)) aliases.set(alias, [...(aliases.get(alias) ?? []), module]);
  }
  return aliases;
}

/** The modules to load for `wanted`, each after what it needs. What is built into the kernel needs no loading. */
export function resolveModules(index: ModuleIndex, wanted: readonly string[]): ModuleToLoad[] {
  const dependencies = new Map<string, { path: string; needs: string[] }>();
  for (const line of lines(index.dep)) {
    const [path = '', needs = ''] = line.split(':');
    dependencies.set(moduleName(path), {
      path,
      needs: needs.trim().split(/\s+/).filter(Boolean).map(moduleName),
    });
  }
  const builtin = new Set(lines(index.builtin).map(moduleName));
  const soft = softPredecessors(index.softdep);
  const aliases = plainAliases(index.alias);
  const required = new Set<string>();
  const seen = new Set<string>();
  const order: ModuleToLoad[] = [];

  function require(name: string): void {
    if (required.has(name) || builtin.has(name)) return;
    required.add(name);
    const module = dependencies.get(name);
    if (module === undefined) {
      throw new OsmithError('E_STEP', `The kernel has no module ${name}`, {
        hint: 'Install the kernel package that carries it',
      });
    }
    module.needs.forEach(require);
  }

  function visit(name: string): void {
    const module = dependencies.get(name);
    if (module === undefined || builtin.has(name) || seen.has(name)) return;
    seen.add(name);
    module.needs.toReversed().forEach(visit);
    for (const wish of soft.get(name) ?? []) {
      for (const provider of aliases.get(wish) ?? [wish]) visit(provider.replaceAll('-', '_'));
    }
    order.push({ name, path: module.path, optional: !required.has(name) });
  }

  const names = wanted.map((name) => name.replaceAll('-', '_'));
  names.forEach(require);
  names.forEach(visit);
  return order;
}
