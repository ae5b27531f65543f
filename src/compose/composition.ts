/** Several files as one composition: values of the kernel override, lists are appended. */
import { OsmithError, type Where } from '../errors.ts';
import { parseReference } from '../oci/reference.ts';
import {
  checkComposition,
  type CompositionFile,
  type Container,
  type FileEntry,
  type Kernel,
  type Volume,
} from './schema.ts';
import { resolveTemplates, type PackageResolver } from './templates.ts';
import { parseYaml, whereOf } from './yaml.ts';

export interface Composition {
  kernel: Kernel;
  /** Where the image of the kernel is named. */
  kernelWhere: Where | undefined;
  init: InitImage[];
  volumes: Volume[];
  onboot: Container[];
  onshutdown: Container[];
  services: Container[];
  files: FileEntry[];
}

/** A list of references, with what tells where they stand. */
export interface InitImage {
  image: string;
  list: string[];
  index: number;
}

const VOLUME_NAME = /^[a-z0-9_-]*$/;

/** `tar` and `ucode` override also when they are empty. */
function mergeKernel(base: Kernel, over: Kernel): Kernel {
  const given = Object.entries(over).filter(
    ([key, value]) => value !== '' || key === 'tar' || key === 'ucode',
  );
  return { ...base, ...Object.fromEntries(given) };
}

function append(base: Composition, file: CompositionFile): Composition {
  const init = file.init ?? [];
  return {
    kernel: mergeKernel(base.kernel, file.kernel ?? {}),
    kernelWhere: file.kernel?.image ? whereOf(file.kernel, 'image') : base.kernelWhere,
    init: [...base.init, ...init.map((image, index) => ({ image, list: init, index }))],
    volumes: [...base.volumes, ...(file.volumes ?? [])],
    onboot: [...base.onboot, ...(file.onboot ?? [])],
    onshutdown: [...base.onshutdown, ...(file.onshutdown ?? [])],
    services: [...base.services, ...(file.services ?? [])],
    files: [...base.files, ...(file.files ?? [])],
  };
}

function checkUnique(items: readonly { name: string }[], what: string): void {
  const seen = new Set<string>();
  for (const item of items) {
    if (seen.has(item.name)) {
      throw new OsmithError('E_COMPOSE', `duplicate ${what} name: ${item.name}`, {
        where: whereOf(item, 'name'),
        hint: `Every ${what} needs a name of its own, over all files`,
      });
    }
    seen.add(item.name);
  }
}

/** A container's name is a directory's. */
function checkNames({ onboot, onshutdown, services }: Composition): void {
  for (const container of [...onboot, ...onshutdown, ...services]) {
    if (/^[^/\0]+$/.test(container.name) && !['.', '..'].includes(container.name)) continue;
    throw new OsmithError(
      'E_COMPOSE',
      `${JSON.stringify(container.name)} cannot be the name of a container`,
      {
        where: whereOf(container, 'name'),
        hint: 'It becomes the name of a directory',
      },
    );
  }
}

function checkVolumes(volumes: readonly Volume[]): void {
  for (const volume of volumes) {
    if (VOLUME_NAME.test(volume.name) && volume.name !== '') continue;
    throw new OsmithError('E_COMPOSE', `invalid volume name: ${volume.name}`, {
      where: whereOf(volume, 'name'),
      hint: 'Use lower case letters, digits, _ and -',
    });
  }
  checkUnique(volumes, 'volume');
}

/** Where there is nothing to build packages with. */
function noPackages(dir: string, where: Where | undefined): never {
  throw new OsmithError('E_COMPOSE', `There is no package directory ${dir}`, {
    where,
    hint: 'Name an image',
  });
}

/** Merges files, given as text with the name that messages use. Throws E_COMPOSE. */
export function readComposition(
  files: readonly { file: string; text: string }[],
  packageReference: PackageResolver = noPackages,
): Composition {
  let merged: Composition = {
    ...{
      kernel: {},
      kernelWhere: undefined,
      init: [],
      volumes: [],
      onboot: [],
      onshutdown: [],
      services: [],
      files: [],
    },
  };
  for (const { file, text } of files) {
    const value = parseYaml(text, file);
    resolveTemplates(value, file, packageReference);
    const checked = checkComposition(value, file);
    merged = append(merged, checked);
  }
  checkUnique(merged.services, 'service');
  checkNames(merged);
  checkVolumes(merged.volumes);
  for (const { image, where } of imagesOf(merged)) parseReference(image, where);
  return merged;
}

/** Every image that a composition names, in its order, with the line that names it. */
export function imagesOf(composition: Composition) {
  const { kernel, kernelWhere, init, volumes, onboot, onshutdown, services } = composition;
  const containers = [...onboot, ...onshutdown, ...services];
  return [
    ...(kernel.image ? [{ image: kernel.image, where: kernelWhere }] : []),
    ...init.map(({ image, list, index }) => ({ image, where: whereOf(list, index) })),
    ...volumes.flatMap((volume) =>
      volume.image ? [{ image: volume.image, where: whereOf(volume, 'image') }] : [],
    ),
    ...containers.map((container) => ({ image: container.image, where: whereOf(container, 'image') })),
  ];
}
