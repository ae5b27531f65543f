/** The software bill of materials of a composition, from what its images bring or have installed. */
import { readFile } from 'node:fs/promises';
import { OsmithError } from '../errors.ts';
import { cyclonedxBill } from '../release/sbom/cyclonedx.ts';
import { installedPackages, tellsPackages, type Installed } from '../release/sbom/databases.ts';
import { spdxBill } from '../release/sbom/spdx.ts';
import type { BillPart, SpdxDocument } from '../release/sbom/types.ts';
import { MADE_TIME, type Watch } from './image-files.ts';
import type { CopiedItem, ImageItem, SbomItem } from './items.ts';

/** Lists of packages are held in memory: no system has one of this size. Bytes. */
const MAX_LIST = 256 << 20;

type Place = Pick<ImageItem | CopiedItem, 'location' | 'prefix'>;

/** The files that tell what is installed, as they go by: by image and path in it. */
export class PackageFiles {
  readonly #files = new Map<string, Map<string, Buffer[]>>();
  #size = 0;

  watch(place: Place): Watch {
    const own = new Map<string, Buffer[]>();
    this.#files.set(placeKey(place), own);
    return (path) => {
      if (!tellsPackages(path)) return undefined;
      const pieces: Buffer[] = [];
      own.set(path, pieces);
      return (piece) => {
        this.#size += piece.length;
        if (this.#size > MAX_LIST) {
          throw new OsmithError('E_IMAGE', `${path} is too large for a list of packages`);
        }
        pieces.push(Buffer.from(piece));
      };
    };
  }

  of(place: Place): Map<string, Buffer> {
    const own = this.#files.get(placeKey(place)) ?? new Map<string, Buffer[]>();
    return new Map([...own].map(([path, pieces]) => [path, Buffer.concat(pieces)]));
  }

  /** A file of this path of every init image. */
  ofInit(path: string): Buffer[] {
    return [...this.#files].flatMap(([key, own]) => {
      const pieces = key.startsWith('\0init[') ? own.get(path) : undefined;
      return pieces === undefined ? [] : [Buffer.concat(pieces)];
    });
  }
}

function placeKey({ prefix, location }: Place): string {
  return `${prefix}\0${location}`;
}

function unusable(name: string, what: string, cause: unknown): OsmithError {
  return new OsmithError('E_IMAGE', `${what} of ${name} cannot be read: ${(cause as Error).message}`, {
    cause,
    hint: 'Build the image again, or leave the software bill of materials out with --no-sbom',
  });
}

async function statement(name: string, file: string): Promise<SpdxDocument> {
  try {
    const { predicate } = JSON.parse(await readFile(file, 'utf8')) as { predicate?: unknown };
    if (typeof predicate !== 'object' || predicate === null) throw new Error('it has no predicate');
    return predicate as SpdxDocument;
  } catch (cause) {
    throw unusable(name, 'The software bill of materials', cause);
  }
}

function installed(name: string, files: ReadonlyMap<string, Buffer>): Installed {
  try {
    return installedPackages(files);
  } catch (cause) {
    throw unusable(name, 'The list of packages', cause);
  }
}

/** Throws E_IMAGE for bills and lists that cannot be read. */
export async function billOf(
  item: SbomItem,
  packages: PackageFiles,
  blob: (digest: string) => string,
): Promise<string> {
  const parts: BillPart[] = [];
  for (const image of item.images) {
    const { name, digest, purl, prefix, attestation } = image;
    const document = attestation && (await statement(name, blob(attestation.blob)));
    parts.push({
      ...{ name, version: digest, sha256: digest.slice('sha256:'.length), purl, prefix },
      ...{ purpose: 'CONTAINER', document, ...installed(name, packages.of(image)) },
    });
  }
  const bill = { name: 'sbom', created: MADE_TIME, parts };
  if (item.format === 'cyclonedx') return cyclonedxBill(bill);
  // Each alone first: an error then says whose it is.
  for (const part of parts.filter((each) => each.document !== undefined)) {
    try {
      spdxBill({ ...bill, parts: [part] });
    } catch (cause) {
      throw unusable(part.name, 'The software bill of materials', cause);
    }
  }
  return spdxBill(bill);
}
