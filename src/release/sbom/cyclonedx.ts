/** Software bills of materials as CycloneDX 1.6 (ECMA-424): the parts are components, what is in them is nested. */
import { createHash } from 'node:crypto';
import { packagesOf } from './brought.ts';
import { componentPurl } from './purl.ts';
import { partId } from './spdx.ts';
import type { Bill, BillPart, Brought, Component, SpdxDocument } from './types.ts';

interface Entry {
  type: 'library' | 'container' | 'operating-system';
  'bom-ref': string;
  name: string;
  version?: string;
  purl?: string;
  hashes?: { alg: 'SHA-256'; content: string }[];
  licenses?: { license: { name: string } }[];
  components?: Entry[];
}

function entryOf(ref: string, component: Component, part: BillPart): Entry {
  const { name, version, license } = component;
  return {
    ...{ type: 'library', 'bom-ref': ref, name, version },
    ...(license !== undefined && { licenses: [{ license: { name: license } }] }),
    purl: componentPurl(component, part.distribution),
  };
}

function broughtEntry(ref: string, { name, version, license, purl }: Brought): Entry {
  return {
    ...{ type: 'library', 'bom-ref': ref, name },
    ...(version !== undefined && { version }),
    ...(license !== undefined && { licenses: [{ license: { name: license } }] }),
    ...(purl !== undefined && { purl }),
  };
}

/** The packages of a bill in the other format. Its files and relationships stay behind. */
function fromDocument(document: SpdxDocument, own: string): Entry[] {
  return packagesOf(document).map((each, i) => broughtEntry(`${own}-${i}`, each));
}

function partEntry(part: BillPart): Entry {
  const own = partId(part);
  const { name, version, sha256, purl, purpose, document, components, brought = [] } = part;
  const inner =
    document === undefined
      ? [
          ...components.map((component, i) => entryOf(`${own}-${i}`, component, part)),
          ...brought.map((each, i) => broughtEntry(`${own}-${components.length + i}`, each)),
        ]
      : fromDocument(document, own);
  return {
    ...{ type: purpose === 'CONTAINER' ? 'container' : 'operating-system', 'bom-ref': own, name },
    ...(version && { version }),
    ...(sha256 !== undefined && { hashes: [{ alg: 'SHA-256', content: sha256 }] }),
    ...(purl !== undefined && { purl }),
    ...(inner.length > 0 && { components: inner }),
  };
}

/** A UUID of version 8 that only depends on the content (RFC 9562). */
function contentUuid(content: string): string {
  const hex = createHash('sha256').update(content).digest('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `a${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}

export function cyclonedxBill({ name, created, parts }: Bill): string {
  const components = parts.map(partEntry);
  const dependencies = [
    { ref: 'system', dependsOn: components.map((component) => component['bom-ref']) },
    ...components.map((component) => ({
      ref: component['bom-ref'],
      dependsOn: (component.components ?? []).map((inner) => inner['bom-ref']),
    })),
  ];
  const bill = {
    ...{ bomFormat: 'CycloneDX', specVersion: '1.6' },
    serialNumber: `urn:uuid:${contentUuid(JSON.stringify(components))}`,
    version: 1,
    metadata: {
      timestamp: new Date(created * 1000).toISOString().replace('.000Z', 'Z'),
      tools: { components: [{ type: 'application', name: 'osmith' }] },
      component: { type: 'operating-system', 'bom-ref': 'system', name },
    },
    ...{ components, dependencies },
  };
  return `${JSON.stringify(bill, null, 2)}\n`;
}
