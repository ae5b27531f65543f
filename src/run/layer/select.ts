/** Picks entries of a flattened tree, so that whoever needs a few files does not read all of them. */
import { FILE, HARD_LINK } from './entry.ts';
import type { Part } from './stream.ts';

/** The parts whose paths are wanted. The first hard link to a file that is not wanted carries its content. */
export function selectParts(parts: readonly Part[], wanted: (path: string) => boolean): Part[] {
  const files = new Map<string, Part>();
  /** Where the content of a file is in the selection: path in the tree to path there. */
  const carriers = new Map<string, string>();
  return parts.flatMap((part): Part[] => {
    const { path, type, link } = part.entry;
    if (type === FILE) files.set(path, part);
    if (!wanted(path)) return [];
    if (type === FILE) carriers.set(path, path);
    if (type !== HARD_LINK) return [part];
    const carrier = carriers.get(link);
    if (carrier !== undefined) return [{ entry: { ...part.entry, link: carrier } }];
    const target = files.get(link);
    if (target === undefined) return [part];
    carriers.set(link, path);
    return [{ ...target, entry: { ...target.entry, path } }];
  });
}
