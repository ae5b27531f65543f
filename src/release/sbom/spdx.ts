/**
 * Software bills of materials as SPDX 2.3 (ISO/IEC 5962). Every identifier begins with that of the part it belongs to, so
 * that bills which came with several images stand in one document, and says nothing of when or where it was made.
 */
import { createHash } from 'node:crypto';
import { adopt, type Adopted } from './spdx-adopt.ts';
import { componentPurl } from './purl.ts';
import type { Bill, BillPart, Brought, Component } from './types.ts';

type Json = unknown;

/** What may stand in an identifier, and what else is written as `.HEX.` */
export function idText(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9-]/g, (char) => `.${char.codePointAt(0)!.toString(16)}.`);
}

/** Of a part: the same wherever its name and place are the same. */
export function partId({ name, prefix }: Pick<BillPart, 'name' | 'prefix'>): string {
  return createHash('sha256').update(`${name}\0${prefix}`).digest('hex').slice(0, 12);
}

const UNKNOWN = 'NOASSERTION';

function common(name: string, version: string | undefined) {
  return {
    ...{ name, ...(version && { versionInfo: version }), downloadLocation: UNKNOWN, filesAnalyzed: false },
    ...{ licenseConcluded: UNKNOWN, licenseDeclared: UNKNOWN, copyrightText: UNKNOWN },
  };
}

function purlReference(locator: string) {
  return { referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: locator };
}

function componentPackage(id: string, component: Component, { distribution }: BillPart) {
  const { name, version, source, license } = component;
  const other = source !== undefined && (source.name !== name || source.version !== version);
  return {
    SPDXID: id,
    ...common(name, version),
    ...(other && { sourceInfo: `built from ${source.name} ${source.version}` }),
    // What packages state is often no expression that SPDX knows.
    ...(license !== undefined && { licenseComments: `The package states: ${license}` }),
    externalRefs: [purlReference(componentPurl(component, distribution))],
  };
}

function broughtPackage(id: string, { name, version, purl, license }: Brought) {
  return {
    SPDXID: id,
    ...common(name, version),
    ...(license !== undefined && { licenseComments: `The package states: ${license}` }),
    ...(purl !== undefined && { externalRefs: [purlReference(purl)] }),
  };
}

function partPackage(part: BillPart) {
  const { name, version, sha256, purl, purpose } = part;
  return {
    SPDXID: `SPDXRef-${partId(part)}`,
    ...common(name, version),
    primaryPackagePurpose: purpose,
    ...(sha256 !== undefined && { checksums: [{ algorithm: 'SHA256', checksumValue: sha256 }] }),
    ...(purl !== undefined && { externalRefs: [purlReference(purl)] }),
    ...(part.prefix !== '' && { comment: `Its files are in /${part.prefix}` }),
  };
}

function relationship(from: string, type: string, to: string) {
  return { spdxElementId: from, relationshipType: type, relatedSpdxElement: to };
}

/** A part's packages out of the list of installed ones. */
function fromComponents(part: BillPart): Adopted {
  const own = `SPDXRef-${partId(part)}`;
  const counts = new Map<string, number>();
  const unique = (...words: (string | undefined)[]) => {
    const plain = [own, ...words.flatMap((word) => (word === undefined ? [] : [idText(word)]))].join('-');
    const count = (counts.get(plain) ?? 0) + 1;
    counts.set(plain, count);
    return count === 1 ? plain : `${plain}-${count}`;
  };
  const installed = part.components.map((component) => {
    const { type, name, arch } = component;
    return componentPackage(unique(type, name, arch), component, part);
  });
  const brought = (part.brought ?? []).map((each) => broughtPackage(unique('bill', each.name), each));
  const packages = [...installed, ...brought];
  const relationships = packages.map(({ SPDXID }) => relationship(own, 'CONTAINS', SPDXID));
  return { packages, relationships };
}

/** Throws an Error for a part's document that is no SPDX 2. */
export function spdxBill({ name, created, parts }: Bill): string {
  const document = 'SPDXRef-DOCUMENT';
  const lists: Record<string, Json[]> = { packages: [], relationships: [] };
  for (const part of parts) {
    const own = `SPDXRef-${partId(part)}`;
    lists['packages']!.push(partPackage(part));
    lists['relationships']!.push(relationship(document, 'DESCRIBES', own));
    const inner = part.document === undefined ? fromComponents(part) : adopt(part.document, own, part.prefix);
    for (const [key, list] of Object.entries(inner)) (lists[key] ??= []).push(...list);
  }
  const content = JSON.stringify(lists);
  const digest = createHash('sha256').update(content).digest('hex');
  const bill = {
    ...{ spdxVersion: 'SPDX-2.3', dataLicense: 'CC0-1.0', SPDXID: document, name },
    documentNamespace: `https://spdx.org/spdxdocs/${idText(name)}-${digest}`,
    creationInfo: {
      created: new Date(created * 1000).toISOString().replace('.000Z', 'Z'),
      creators: ['Tool: osmith'],
    },
    ...lists,
  };
  return `${JSON.stringify(bill, null, 2)}\n`;
}
