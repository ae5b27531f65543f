/** Package URLs (ECMA-427): one name for a package that every scanner understands. */
import type { Component, Distribution } from './types.ts';

function encode(text: string): string {
  return encodeURIComponent(text)
    .replaceAll('%3A', ':')
    .replaceAll(/[!'()*]/g, (char) => {
      return `%${char.charCodeAt(0).toString(16).toUpperCase()}`;
    });
}

/** Who packages for a distribution that does not name itself. */
const VENDORS = { deb: 'debian', apk: 'alpine', rpm: 'fedora', alpm: 'arch' };

export function componentPurl(component: Component, distribution: Distribution | undefined): string {
  const { type, name, version, arch } = component;
  const vendor = distribution?.id ?? VENDORS[type];
  const distro = distribution?.version === undefined ? undefined : `${vendor}-${distribution.version}`;
  // rpm keeps the epoch apart.
  const [, epoch, bare = version] = type === 'rpm' ? (/^(\d+):(.*)$/.exec(version) ?? []) : [];
  const qualifiers = Object.entries({ arch, distro, epoch }).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}=${encode(value)}`],
  );
  const query = qualifiers.length === 0 ? '' : `?${qualifiers.join('&')}`;
  return `pkg:${type}/${encode(vendor)}/${encode(name)}@${encode(bare)}${query}`;
}

/** Of an image `registry/path/name` with the digest of its manifest, `sha256:HEX`. */
export function imagePurl(registry: string, repository: string, digest: string): string {
  const name = repository.slice(repository.lastIndexOf('/') + 1);
  const url = encode(`${registry}/${repository}`).replaceAll('%2F', '/');
  return `pkg:oci/${encode(name)}@${encode(digest)}?repository_url=${url}`;
}
