/**
 * The file system of an image as one sequence of entries, in one pass over its layers: newest first, so that what a
 * layer hides is known before what it hides comes by. Nothing is unpacked to disk and no content is held.
 *
 * The order is that of linuxkit: the entries of the top layer, then those of the next that are still visible; so a
 * directory may come after what is in it. Unlike there, opaque directories hide what is below them, a whiteout hides
 * nothing of its own layer, and a hard link to a file that a higher layer replaced keeps its content.
 */
import { DIRECTORY, FILE, HARD_LINK, SYMLINK, type EntryType } from '../run/layer/entry.ts';
import { dirname, isOpaqueMarker, whiteoutTarget } from '../run/layer/whiteout.ts';
import { entryFault } from './guard.ts';
import { readLayer, refuse, type EntrySink, type LayerBlob } from './layer.ts';
import type { LayerEntry } from './tar-parser.ts';

/** Names that a file system for layers keeps for itself (aufs), such as `.wh..wh.plnk`. */
const RESERVED = /(?:^|\/)\.wh\.\.wh\./;

/** What the layers read so far leave visible of those below. */
interface Mask {
  /** Paths that are there already. */
  taken: Set<string>;
  /** Paths that hide themselves and all below them. */
  gone: Set<string>;
  /** Directories that hide all below them. */
  opaque: Set<string>;
  /** Directories that hold something visible, and what made them: for those who have no entry. */
  parents: Set<string>;
  /** Visible paths that are no directories, with what they are: entries themselves would fill the memory. */
  leaves: Map<string, EntryType>;
}

function newMask(): Mask {
  return { taken: new Set(), gone: new Set(), opaque: new Set(), parents: new Set(), leaves: new Map() };
}

function ancestors(path: string): string[] {
  const all: string[] = [];
  for (let dir = dirname(path); dir !== ''; dir = dirname(dir)) all.push(dir);
  return all;
}

function isHidden(path: string, { taken, gone, opaque }: Mask): boolean {
  if (taken.has(path) || gone.has(path)) return true;
  if (opaque.has('')) return true;
  return ancestors(path).some((dir) => gone.has(dir) || opaque.has(dir));
}

const KIND: Record<string, string> = {
  [FILE]: 'a file',
  [HARD_LINK]: 'a file',
  [SYMLINK]: 'a symbolic link',
};

function kindOf(type: EntryType): string {
  return KIND[type] ?? 'a device or pipe';
}

/** What is wrong with making this entry visible beside those that are. */
function placeFault(entry: LayerEntry, { parents, leaves }: Mask): string | undefined {
  const above = ancestors(entry.path).find((dir) => leaves.has(dir));
  if (above !== undefined) return `${entry.path} lies below ${above}, which is ${kindOf(leaves.get(above)!)}`;
  if (entry.type !== DIRECTORY && parents.has(entry.path)) {
    return `${entry.path} is ${kindOf(entry.type)}, but other files lie below it`;
  }
  return undefined;
}

function take(entry: LayerEntry, { taken, parents, leaves }: Mask): void {
  taken.add(entry.path);
  if (entry.type !== DIRECTORY) leaves.set(entry.path, entry.type);
  for (const dir of ancestors(entry.path)) {
    if (parents.has(dir)) break;
    parents.add(dir);
  }
}

/** Hard links whose target is not where they can point to: target to the links. */
type Links = Map<string, LayerEntry[]>;

function addLink(links: Links, target: string, link: LayerEntry): void {
  links.set(target, [...(links.get(target) ?? []), link]);
}

/** The state of the pass over one layer. */
interface LayerPass {
  layer: LayerBlob;
  /** Becomes part of the mask when the layer has been read: a layer hides nothing of itself. */
  gone: Set<string>;
  opaque: Set<string>;
  /** Files of this layer and the path at which their content is to be seen; empty: at none. */
  files: Map<string, string>;
  directories: Set<string>;
  /** Links of this layer to what they point to in the end, since a link may point to a link. */
  targets: Map<string, string>;
  /** Links of this layer to files of it that are not visible, and have gone by. */
  lost: Links;
}

/** Walks an image of these layers, lowest first, whose name is for messages. Throws E_IMAGE. */
export async function flattenImage(
  { name, layers }: { name: string; layers: readonly LayerBlob[] },
  sink: EntrySink,
): Promise<void> {
  const mask = newMask();
  /** Links to files that come later: further on or in a lower layer. */
  const waiting: Links = new Map();
  /** Contents go straight through. */
  const rest = { data: (piece: Buffer) => sink.data(piece), drain: () => sink.drain() };
  /** Links that follow the content which is on its way. */
  let following: LayerEntry[] = [];

  function settle(): void {
    for (const link of following) sink.entry(link);
    following = [];
  }

  function show(pass: LayerPass, entry: LayerEntry): boolean {
    const fault = placeFault(entry, mask);
    if (fault !== undefined) throw refuse(pass.layer, name, fault);
    take(entry, mask);
    return sink.entry(entry);
  }

  /** Shows a file in the place of links to it: the first carries the content, the others point to that. */
  function showAs(pass: LayerPass, file: LayerEntry, links: LayerEntry[]): boolean {
    const [first, ...others] = links.filter((link) => !mask.taken.has(link.path));
    if (first === undefined) return false;
    following = others.map((link) => ({ ...link, link: first.path }));
    for (const link of others) take(link, mask);
    pass.files.set(file.path, first.path);
    return show(pass, { ...file, path: first.path });
  }

  function marker(pass: LayerPass, entry: LayerEntry): boolean {
    if (isOpaqueMarker(entry)) pass.opaque.add(dirname(entry.path));
    else if (RESERVED.test(entry.path)) return true;
    else {
      const target = whiteoutTarget(entry);
      if (target === undefined) return false;
      const last = target.slice(target.lastIndexOf('/') + 1);
      if (['', '.', '..'].includes(last)) throw refuse(pass.layer, name, `${entry.path} hides no name`);
      pass.gone.add(target);
    }
    return true;
  }

  function hardLink(pass: LayerPass, found: LayerEntry, hidden: boolean): void {
    const target = pass.targets.get(found.link) ?? found.link;
    pass.targets.set(found.path, target);
    const fault = hidden ? undefined : placeFault(found, mask);
    if (fault !== undefined) throw refuse(pass.layer, name, fault);
    // Links of higher layers to this one mean what it points to, also where it is hidden itself.
    const above = waiting.get(found.path) ?? [];
    waiting.delete(found.path);
    const links = [...(hidden ? [] : [found]), ...above].map((link) => ({ ...link, link: target }));
    const shown = pass.files.get(target);
    for (const link of links) {
      if (shown) {
        take(link, mask);
        sink.entry({ ...link, link: shown });
        continue;
      }
      addLink(shown === undefined ? waiting : pass.lost, target, link);
      // Its place is taken, though what will be there comes later.
      mask.leaves.set(link.path, HARD_LINK);
      pass.gone.add(link.path);
    }
  }

  function entry(pass: LayerPass, found: LayerEntry): boolean {
    settle();
    const fault = entryFault(found);
    if (fault !== undefined) throw refuse(pass.layer, name, `${JSON.stringify(found.raw.name)} ${fault}`);
    if (found.path === '' || marker(pass, found)) return false;
    const hidden = isHidden(found.path, mask);
    if (pass.files.has(found.path) || (found.type !== DIRECTORY && pass.directories.has(found.path))) {
      throw refuse(pass.layer, name, `${found.path} is in it twice`);
    }
    if (found.type === DIRECTORY) pass.directories.add(found.path);
    else {
      pass.files.set(found.path, hidden ? '' : found.path);
      pass.gone.add(found.path);
    }
    if (found.type === HARD_LINK) {
      hardLink(pass, found, hidden);
      return false;
    }
    const links = waiting.get(found.path) ?? [];
    waiting.delete(found.path);
    if (hidden) return showAs(pass, found, links);
    following = links;
    for (const link of links) take(link, mask);
    return show(pass, found);
  }

  for (const layer of layers.toReversed()) {
    const pass: LayerPass = {
      ...{ layer, gone: new Set(), opaque: new Set(), directories: new Set() },
      ...{ files: new Map(), targets: new Map(), lost: new Map() },
    };
    await readLayer(layer, name, { ...rest, entry: (found) => entry(pass, found) });
    settle();
    if (pass.lost.size > 0) await recover(pass);
    for (const path of pass.gone) mask.gone.add(path);
    for (const path of pass.opaque) mask.opaque.add(path);
  }
  for (const [target, [link]] of waiting) {
    throw refuse(layers[0]!, name, `${link!.path} is a hard link to ${target}, which no layer has`);
  }

  /** Reads a layer again for the contents of hidden files that visible links of it need. */
  async function recover(pass: LayerPass): Promise<void> {
    const again = (found: LayerEntry) => {
      settle();
      const links = found.type === FILE ? pass.lost.get(found.path) : undefined;
      if (links === undefined) return false;
      pass.lost.delete(found.path);
      for (const link of links) mask.leaves.delete(link.path);
      return showAs(pass, found, links);
    };
    await readLayer(pass.layer, name, { ...rest, entry: again });
    settle();
    for (const [target, [link]] of pass.lost) {
      throw refuse(pass.layer, name, `${link!.path} is a hard link to ${target}, which is no file of it`);
    }
  }
}
