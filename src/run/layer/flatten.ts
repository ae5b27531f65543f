/** Merges the layers of a tree into one list of entries, as a container runtime would see them. */
import { DIRECTORY, FILE, HARD_LINK } from './entry.ts';
import type { IndexedEntry } from './index.ts';
import type { Part } from './stream.ts';
import { dirname, isOpaqueMarker, whiteoutTarget } from './whiteout.ts';

export interface Layer {
  file: string;
  entries: IndexedEntry[];
}

/** What the layers above one hide of it. */
interface Mask {
  /** Paths that exist above. */
  above: Map<string, IndexedEntry>;
  /** Paths whose whole subtree is gone. */
  gone: Set<string>;
  /** Directories whose earlier content is gone. */
  opaque: Set<string>;
}

function hidden(path: string, mask: Mask): boolean {
  if (mask.gone.has(path)) return true;
  for (let dir = path; dir !== '';) {
    dir = dirname(dir);
    if (mask.gone.has(dir) || mask.opaque.has(dir)) return true;
  }
  return false;
}

function isMarker(entry: IndexedEntry): boolean {
  return isOpaqueMarker(entry) || whiteoutTarget(entry) !== undefined;
}

function cover(mask: Mask, layer: Layer): void {
  for (const entry of layer.entries) {
    const target = whiteoutTarget(entry);
    if (target !== undefined) {
      // What a higher layer put there stays; only what is below goes.
      mask.gone.add(target);
    } else if (isOpaqueMarker(entry)) mask.opaque.add(dirname(entry.path));
    else {
      if (!mask.above.has(entry.path)) mask.above.set(entry.path, entry);
      // A directory merges with those below; anything else replaces them, whatever comes above it.
      if (entry.type !== DIRECTORY) mask.gone.add(entry.path);
    }
  }
}

/**
 * Parts of the merged tree: parents before children, hard links after their targets. Times are clamped to `epoch`
 * (seconds). The layers are given lowest first.
 */
export function flatten(layers: readonly Layer[], epoch: number): Part[] {
  // Masks from the top down: what layer i is hidden by are the layers above it.
  const masks: Mask[] = [];
  const mask: Mask = { above: new Map(), gone: new Set(), opaque: new Set() };
  for (const layer of layers.toReversed()) {
    masks.unshift({ above: new Map(mask.above), gone: new Set(mask.gone), opaque: new Set(mask.opaque) });
    cover(mask, layer);
  }
  const parts: Part[] = [];
  const emitted = new Set<string>();
  layers.forEach((layer, i) => {
    const own = masks[i]!;
    const moved = new Map<string, string>();
    const byPath = new Map(layer.entries.map((entry) => [entry.path, entry]));
    for (const entry of layer.entries) {
      if (isMarker(entry) || emitted.has(entry.path) || hidden(entry.path, own)) continue;
      const over = own.above.get(entry.path);
      if (over !== undefined) {
        // A directory changed above keeps its place here, so that it comes before its children.
        if (entry.type !== DIRECTORY) continue;
        emitted.add(entry.path);
        parts.push({ entry: { ...over, mtime: Math.min(over.mtime, epoch) } });
        continue;
      }
      emitted.add(entry.path);
      const clamped = { ...entry, mtime: Math.min(entry.mtime, epoch) };
      const target = entry.type === HARD_LINK ? byPath.get(entry.link) : undefined;
      if (target !== undefined && (hidden(target.path, own) || own.above.has(target.path))) {
        // The target was replaced above, but this name still has the old content: the first such name carries it.
        const first = moved.get(target.path);
        if (first !== undefined) parts.push({ entry: { ...clamped, link: first } });
        else {
          moved.set(target.path, entry.path);
          const file = { ...target, path: entry.path, mtime: Math.min(target.mtime, epoch) };
          parts.push({ entry: file, file: layer.file, offset: target.offset });
        }
        continue;
      }
      if (entry.type === FILE) parts.push({ entry: clamped, file: layer.file, offset: entry.offset });
      else parts.push({ entry: clamped });
    }
  });
  return parts;
}
