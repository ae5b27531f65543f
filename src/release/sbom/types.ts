/** What a software bill of materials is made from, whatever its format. */

/** A package of a distribution. */
export interface Component {
  /** As in package URLs: deb, apk, rpm, alpm. */
  type: 'deb' | 'apk' | 'rpm' | 'alpm';
  name: string;
  version: string;
  arch?: string | undefined;
  /** What it was built from. */
  source?: { name: string; version: string } | undefined;
  /** As the package states it. */
  license?: string | undefined;
}

/** The distribution that packages are of, from os-release. */
export interface Distribution {
  /** `debian` */
  id: string;
  /** `12` */
  version: string | undefined;
}

/** A bill that came with something, as parsed JSON of SPDX 2. */
export type SpdxDocument = Record<string, unknown>;

/** What a bill that came with an image names. */
export interface Brought {
  name: string;
  version?: string;
  /** Package URL. */
  purl?: string;
  license?: string;
}

/** An image or a system, with what is in it. */
export interface BillPart {
  /** Reference of an image, or name of a system. */
  name: string;
  version: string;
  purpose: 'CONTAINER' | 'OPERATING-SYSTEM';
  /** SHA-256 of what the name stands for, as hex. */
  sha256?: string | undefined;
  /** Package URL. */
  purl?: string | undefined;
  /** Where its files are, empty or with a slash at the end. */
  prefix: string;
  distribution?: Distribution | undefined;
  components: readonly Component[];
  /** What no package manager knows of. */
  brought?: readonly Brought[] | undefined;
  /** In place of components. */
  document?: SpdxDocument | undefined;
}

export interface Bill {
  name: string;
  /** Seconds since the Unix epoch. */
  created: number;
  parts: readonly BillPart[];
}
