/** Takes a bill that came with an image into a larger one: its identifiers get a prefix, its files their place. */
import { z } from 'zod';
import type { SpdxDocument } from './types.ts';

/** Lists of a document by key. */
export type Adopted = Record<string, unknown[]>;

const list = z.array(z.looseObject({})).optional();

const schema = z.looseObject({
  spdxVersion: z.string().regex(/^SPDX-2\.\d+$/, 'must be a version 2 of SPDX'),
  SPDXID: z.string(),
  packages: list,
  files: list,
  snippets: list,
  relationships: list,
  annotations: list,
  externalDocumentRefs: list,
  hasExtractedLicensingInfos: list,
  documentDescribes: z.array(z.string()).optional(),
});

const LISTS = [
  ...(['packages', 'files', 'snippets', 'relationships', 'annotations'] as const),
  ...(['externalDocumentRefs', 'hasExtractedLicensingInfos'] as const),
];

const LICENSE_KEYS = /^(?:license(?:Concluded|Declared|Id)|licenseInfo.*)$/;

const ID_KEYS = new Set([
  ...['SPDXID', 'spdxElementId', 'relatedSpdxElement', 'snippetFromFile', 'reference'],
  ...['hasFiles', 'documentDescribes', 'fileDependencies'],
]);

/** `from` is the document's own identifier, which becomes that of the part. */
function renamer(from: string, own: string) {
  const suffix = own.slice('SPDXRef-'.length);
  const id = (text: string): string => {
    if (text === from) return own;
    if (text.startsWith('SPDXRef-')) return `${own}-${text.slice('SPDXRef-'.length)}`;
    return documents(text);
  };
  const documents = (text: string) =>
    text.replaceAll(/DocumentRef-(?=[A-Za-z0-9.+-])/g, `DocumentRef-${suffix}-`);
  const license = (text: string) =>
    // A license of another document keeps its own name there.
    documents(text.replaceAll(/(?<![:\w.-])LicenseRef-/g, `LicenseRef-${suffix}-`));
  return { id, license, documents };
}

function placed(name: string, prefix: string): string {
  return `${prefix}${name.replace(/^(?:\.?\/)+/, '')}`;
}

/** Throws an Error that says what is wrong with the document. */
export function adopt(document: SpdxDocument, own: string, prefix: string): Adopted {
  const parsed = schema.safeParse(document);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!;
    throw new Error(`${path.join('.') || 'it'}: ${message}`);
  }
  const rename = renamer(parsed.data.SPDXID, own);

  function walk(value: unknown, key: string): unknown {
    if (typeof value === 'string') {
      if (ID_KEYS.has(key)) return rename.id(value);
      if (LICENSE_KEYS.test(key)) return rename.license(value);
      if (key === 'externalDocumentId') return rename.documents(value);
      return key === 'fileName' || key === 'packageFileName' ? placed(value, prefix) : value;
    }
    if (Array.isArray(value)) return value.map((each) => walk(each, key));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([inner, each]) => [inner, walk(each, inner)]));
  }

  const adopted: Adopted = {};
  for (const key of LISTS) {
    const items = parsed.data[key];
    if (items !== undefined && items.length > 0) adopted[key] = items.map((item) => walk(item, ''));
  }
  const described = (parsed.data.documentDescribes ?? []).map((id) => ({
    ...{ spdxElementId: own, relationshipType: 'CONTAINS', relatedSpdxElement: rename.id(id) },
  }));
  const relationships = (adopted['relationships'] ?? []) as Record<string, unknown>[];
  const said = relationships.map((each) => asContents(each, own));
  adopted['relationships'] = unique([...said, ...described]);
  return adopted;
}

/** A document describes, a part of one contains. */
function asContents(relationship: Record<string, unknown>, own: string): Record<string, unknown> {
  const { spdxElementId: from, relatedSpdxElement: to, relationshipType: type } = relationship;
  if (from === own && type === 'DESCRIBES') return { ...relationship, relationshipType: 'CONTAINS' };
  if (to === own && type === 'DESCRIBED_BY') return { ...relationship, relationshipType: 'CONTAINED_BY' };
  return relationship;
}

function unique(items: Record<string, unknown>[]): Record<string, unknown>[] {
  const seen = new Map(
    items.map((item) => [
      JSON.stringify([item['spdxElementId'], item['relationshipType'], item['relatedSpdxElement']]),
      item,
    ]),
  );
  return [...seen.values()];
}
