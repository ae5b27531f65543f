/** What images of a composition brought bills for, beside what package managers keep: out of the composition's own bill. */
import { z } from 'zod';
import { compareBytes } from './sources.ts';
import type { Brought, Component } from './types.ts';

/** Where a composition has its bill: where linuxkit writes it. */
export const COMPOSED_BILL = 'sbom.spdx.json';

const schema = z.looseObject({
  packages: z
    .array(
      z.looseObject({
        name: z.string(),
        versionInfo: z.string().optional(),
        licenseDeclared: z.string().optional(),
        primaryPackagePurpose: z.string().optional(),
        externalRefs: z
          .array(z.looseObject({ referenceType: z.string(), referenceLocator: z.string() }))
          .default([]),
      }),
    )
    .default([]),
});

/** The packages that a bill names. Throws an Error for what is no bill. */
export function packagesOf(document: unknown): (Brought & { purpose?: string | undefined })[] {
  return schema.parse(document).packages.map((each) => {
    const { name, versionInfo: version, licenseDeclared: license, externalRefs } = each;
    const purl = externalRefs.find(({ referenceType }) => referenceType === 'purl')?.referenceLocator;
    const stated = license !== undefined && !['NOASSERTION', 'NONE'].includes(license);
    return {
      ...{ name, purpose: each.primaryPackagePurpose },
      ...(version && { version }),
      ...(purl !== undefined && { purl }),
      ...(stated && { license }),
    };
  });
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Type, name and version: bills differ in what else their package URLs say. */
function identity({ name, version = '', purl }: Brought): string {
  const parts = /^pkg:([^/]+)\/(?:[^@?#]*\/)?([^/@?#]+)(?:@([^?#]*))?/.exec(purl ?? '');
  const [, type, inner, exact = ''] = parts ?? ['', '', name, version];
  return [type, inner, exact].map(decoded).join('\0');
}

const installed = ({ type, name, version }: Component) =>
  [type, name, type === 'rpm' ? version.replace(/^\d+:/, '') : version].join('\0');

/** In a stable order, each package once, without the installed ones. Throws an Error for what is no bill. */
export function broughtIn(bill: string, components: readonly Component[]): Brought[] {
  const known = new Set(components.map(installed));
  const found = new Map<string, Brought>();
  for (const { purpose, ...each } of packagesOf(JSON.parse(bill))) {
    // Images, and what bills call the directories that they are about.
    if (purpose === 'CONTAINER' || (each.purl === undefined && each.version === undefined)) continue;
    const key = identity(each);
    if (!known.has(key) && !found.has(key)) found.set(key, each);
  }
  return [...found].sort(([a], [b]) => compareBytes(a, b)).map(([, each]) => each);
}
