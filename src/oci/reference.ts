/** Image references: `[registry/]repository[:tag][@digest]`, read as linuxkit and containerd read them. */
import { OsmithError, type Where } from '../errors.ts';

export interface Reference {
  /** Expanded: with registry and, where it is implied, `library/`; no tag is added. */
  full: string;
  registry: string;
  repository: string;
  tag: string | undefined;
  /** `sha256:HEX`. */
  digest: string | undefined;
}

const REPOSITORY = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/;
const REGISTRY = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::\d+)?$/;
const TAG = /^\w[\w.-]{0,127}$/;
export const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** `alpine:3` as `docker.io/library/alpine:3`; what names a registry stays as it is. */
export function expandReference(text: string): string {
  const parts = text.split('/');
  if (parts.length === 1) return `docker.io/library/${text}`;
  const [first = ''] = parts;
  const isHost = first.includes('.') || first.includes(':') || first === 'localhost';
  return parts.length === 2 && !isHost ? `docker.io/${text}` : text;
}

function bad(text: string, what: string, where: Where | undefined): OsmithError {
  return new OsmithError('E_COMPOSE', `${JSON.stringify(text)} is no image reference: ${what}`, {
    where,
    hint: 'Write [REGISTRY/]REPOSITORY[:TAG][@sha256:DIGEST], the repository in lower case',
  });
}

/** Throws E_COMPOSE for what is no reference. */
export function parseReference(text: string, where?: Where): Reference {
  const full = expandReference(text);
  const [named = '', digest, ...more] = full.split('@');
  if (more.length > 0) throw bad(text, 'it has more than one @', where);
  if (digest !== undefined && !DIGEST.test(digest)) {
    throw bad(text, `${JSON.stringify(digest)} is no SHA-256 digest`, where);
  }
  const slash = named.indexOf('/');
  const registry = named.slice(0, slash);
  const path = named.slice(slash + 1);
  const colon = path.lastIndexOf(':');
  const repository = colon < 0 ? path : path.slice(0, colon);
  const tag = colon < 0 ? undefined : path.slice(colon + 1);
  if (!REGISTRY.test(registry)) throw bad(text, `${JSON.stringify(registry)} is no registry`, where);
  if (!REPOSITORY.test(repository)) throw bad(text, `${JSON.stringify(repository)} is no repository`, where);
  if (tag !== undefined && !TAG.test(tag)) throw bad(text, `${JSON.stringify(tag)} is no tag`, where);
  return { full, registry, repository, tag, digest };
}

/** What names the image within its repository; `latest` where nothing does. */
export function referenceVersion({ tag, digest }: Reference): string {
  return digest ?? tag ?? 'latest';
}

/** Whether two references name the same: without tag and digest, `latest` is meant. */
export function sameReference(a: Reference, b: Reference): boolean {
  const same = a.registry === b.registry && a.repository === b.repository;
  return same && referenceVersion(a) === referenceVersion(b);
}
