/** The tree of the composed system: which images, files and directories go where, in the order of the tar. */
import { OsmithError } from '../errors.ts';
import { parseReference } from '../oci/reference.ts';
import type { StoredLayout } from '../oci/pull-layout.ts';
import type { StoredImage } from '../oci/stored.ts';
import type { Composition } from './composition.ts';
import { fileItems, type FileSources } from './files.ts';
import { allocateIds } from './ids.ts';
import type { Item, Origin } from './items.ts';
import { goJson } from './json.ts';
import { runtimeConfig } from './runtime-config.ts';
import { isReadOnly, labelConfig, runtimeSpec } from './runtime-spec.ts';
import type { Container, Mount, Volume } from './schema.ts';
import { volumeDirectory } from './volumes.ts';

/** Of the system's own resolv.conf, which something at run time writes. */
const RESOLV = '/run/resolvconf/resolv.conf';

const SECTIONS = ['onboot', 'onshutdown', 'services'] as const;
type Section = (typeof SECTIONS)[number];

/** Images by expanded reference. */
export type Images = ReadonlyMap<string, StoredImage>;

function imageOf(images: Images, text: string): StoredImage {
  const image = images.get(parseReference(text).full);
  if (image === undefined) throw new OsmithError('E_INTERNAL', `${text} was not pulled`);
  return image;
}

function directory(path: string, origin: Origin): Item {
  return { kind: 'directory', path, mode: 0o755, uid: 0, gid: 0, ...origin };
}

function file(path: string, text: string, origin: Origin): Item {
  return { kind: 'file', path, mode: 0o644, uid: 0, gid: 0, content: { text }, ...origin };
}

/** `a/b/` as entries for `a` and `a/b`: every image brings the directories that lead to it. */
function prefixItems(prefix: string, origin: Origin): Item[] {
  const parts = prefix.split('/').filter((part) => part !== '');
  return parts.map((_, i) => directory(parts.slice(0, i + 1).join('/'), origin));
}

function imageItems(image: StoredImage, prefix: string, resolv: string, origin: Origin): Item[] {
  return [...prefixItems(prefix, origin), { kind: 'image', prefix, resolv, layers: image.layers, ...origin }];
}

function kernelItems({ kernel }: Composition, images: Images, decompress: boolean): Item[] {
  if (!kernel.image) return [];
  const image = imageOf(images, kernel.image);
  const tar = kernel.tar ?? 'kernel.tar';
  return [
    {
      kind: 'kernel',
      cmdline: kernel.cmdline ?? '',
      binary: kernel.binary || 'kernel',
      tar: tar === 'none' ? '' : tar,
      ucode: kernel.ucode ?? '',
      decompress,
      layers: image.layers,
      ...{ source: image.name, location: 'kernel' },
    },
  ];
}

function initItems({ init }: Composition, images: Images): Item[] {
  const items = init.flatMap((each, i) => {
    const image = imageOf(images, each.image);
    return imageItems(image, '', RESOLV, { source: image.name, location: `init[${i}]` });
  });
  return [...items, { kind: 'packages' }];
}

/** An image as it is (OCI image specification, "Image Layout"). */
function layoutItems({ index, blobs }: StoredLayout, prefix: string, origin: Origin): Item[] {
  return [
    ...prefixItems(`${prefix}blobs/sha256`, origin),
    ...blobs.map(({ digest, size }): Item => {
      const content = { blob: digest, size };
      const path = `${prefix}blobs/sha256/${digest}`;
      return { kind: 'file', path, mode: 0o644, uid: 0, gid: 0, content, ...origin };
    }),
    file(`${prefix}index.json`, index, origin),
    file(`${prefix}oci-layout`, '{"imageLayoutVersion":"1.0.0"}', origin),
  ];
}

/** A volume has what its image has, and unless it is read-only a place for changes. */
function volumeItems(volume: Volume, index: number, { images, layouts }: Pulled): Item[] {
  const location = `volume[${index}]`;
  const base = volumeDirectory(volume.name);
  const lower = `${base}/lower/`;
  const source = volume.image ? parseReference(volume.image).full : 'empty';
  const layout = layouts.get(volume);
  const content = !volume.image
    ? prefixItems(lower, { source, location })
    : layout === undefined
      ? imageItems(imageOf(images, volume.image), lower, RESOLV, { source, location })
      : layoutItems(layout, lower, { source, location });
  const own = { source: 'linuxkit.volumes', location };
  // The init takes a volume that has tmp for one that can be written.
  const tmp = volume.readonly === true ? [] : [directory(`${base}/tmp/`, own)];
  return [...content, ...tmp, directory(`${base}/merged/`, own)];
}

/** Mounts that make the root of a container: an overlay over its image, or the image itself, read-only. */
function rootfsMounts(path: string, root: string, readonly: boolean): Mount[] {
  if (readonly) return [{ source: `/${root}`, destination: `/${path}/rootfs`, options: ['bind'] }];
  const tmp = `/${path}/tmp`;
  const overlay = [`lowerdir=/${root}`, `upperdir=${tmp}/upper`, `workdir=${tmp}/work`];
  return [
    { source: 'tmpfs', type: 'tmpfs', destination: tmp },
    // Nobody else is to see the layers below.
    { destination: tmp, options: ['remount', 'private'] },
    { source: 'overlay', type: 'overlay', destination: `/${path}/rootfs`, options: overlay },
  ];
}

interface Bundles {
  composition: Composition;
  images: Images;
  ids: ReadonlyMap<string, number>;
  /** Where an image's files are already, by reference. */
  extracted: Map<string, string>;
}

/** The directory of one container: configuration, and the image's files unless an earlier container has them. */
function bundleItems(bundles: Bundles, container: Container, section: Section, index: number): Item[] {
  const { composition, images, ids, extracted } = bundles;
  const image = imageOf(images, container.image);
  const label = labelConfig(image.config, image.name);
  const request = { container, label, image: image.config, volumes: composition.volumes, ids };
  const config = goJson(runtimeSpec(request));
  const readonly = isReadOnly(request);
  const origin = { source: image.name, location: `${section}[${index}]` };
  const number = section === 'services' ? '' : `${String(index).padStart(3, '0')}-`;
  const path = `containers/${section}/${number}${container.name}`;
  const before = extracted.get(image.name);
  const root = before ?? `${path}/${readonly ? 'rootfs' : 'lower'}`;
  extracted.set(image.name, root);
  const runtime = goJson(runtimeConfig(label, container, rootfsMounts(path, root, readonly)));
  const tmp = readonly ? [] : [directory(`${path}/tmp`, origin)];
  const needsRootfs = !readonly || before !== undefined;
  return [
    ...(before === undefined ? imageItems(image, `${root}/`, '', origin) : prefixItems(path, origin)),
    file(`${path}/config.json`, config, origin),
    ...tmp,
    ...(needsRootfs ? [directory(`${path}/rootfs`, origin)] : []),
    file(`${path}/runtime.json`, runtime, origin),
  ];
}

/** All that was fetched. */
export interface Pulled {
  images: Images;
  /** Of volumes of the format oci. */
  layouts: ReadonlyMap<Volume, StoredLayout>;
  sources: FileSources;
}

/** All of the tar. Throws E_COMPOSE for values that cannot be. */
export function treeItems(composition: Composition, pulled: Pulled, decompress: boolean): Item[] {
  const { images, sources } = pulled;
  const ids = allocateIds(composition);
  const bundles: Bundles = { composition, images, ids, extracted: new Map() };
  return [
    ...kernelItems(composition, images, decompress),
    ...initItems(composition, images),
    ...composition.volumes.flatMap((volume, i) => volumeItems(volume, i, pulled)),
    ...SECTIONS.flatMap((section) =>
      composition[section].flatMap((container, i) => bundleItems(bundles, container, section, i)),
    ),
    ...fileItems(composition, ids, sources),
  ];
}
