/** Merges what hooks wrote for the manifest into it. */
import { OsmithError } from '../../errors.ts';
import type { Json } from '../../plan/types.ts';
import { mergeOrder, type Fragments } from '../hook/fragments.ts';

/** What one hook wrote. */
export interface HookFragments {
  hook: string;
  fragments: Fragments;
}

type Dictionary = { [key: string]: Json };

function isDictionary(value: Json | undefined): value is Dictionary {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Dictionaries merge, anything else replaces what was there; but nothing replaces a dictionary. */
function merge(target: Dictionary, source: Dictionary, path: string[], from: string): Dictionary {
  const merged = Object.entries(source).map(([key, value]): [string, Json] => {
    const old = Object.hasOwn(target, key) ? target[key] : undefined;
    if (!isDictionary(old)) return [key, value];
    const at = [...path, key];
    if (isDictionary(value)) return [key, merge(old, value, at, from)];
    throw new OsmithError('E_HOOK', `${from} puts something else in the place of the object ${at.join('.')}`);
  });
  return Object.fromEntries([...Object.entries(target), ...merged]);
}

/** A file that a later hook wrote again is the later one's. */
function byPath(hooks: HookFragments[]): [path: string, hook: string, content: Dictionary][] {
  const files = new Map<string, [string, string, Dictionary]>();
  for (const { hook, fragments } of hooks) {
    for (const [path, content] of Object.entries(fragments)) files.set(path, [path, hook, content]);
  }
  return [...files.values()].sort(([a], [b]) => mergeOrder(a, b));
}

/**
 * The manifest with all fragments: files before directories, bytewise. Throws E_HOOK for a fragment that touches what
 * Osmith itself says, or that does not fit those before.
 */
export function addFragments(manifest: object, hooks: HookFragments[]): Dictionary {
  let added: Dictionary = {};
  for (const [path, hook, content] of byPath(hooks)) {
    const from = `The manifest fragment ${path} of ${hook}`;
    const taken = Object.keys(content).find((key) => Object.hasOwn(manifest, key));
    if (taken !== undefined) {
      throw new OsmithError('E_HOOK', `${from} sets ${taken}, which Osmith itself writes`, {
        hint: 'Give it another name',
      });
    }
    added = merge(added, content, [], from);
  }
  return { ...(manifest as Dictionary), ...added };
}
