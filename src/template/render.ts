/** Templates of compositions: modifiers are applied, words of the variant and tags of packages are put in. */
import { isScalar, LineCounter, parseDocument, visit, type Document } from 'yaml';
import { nearest } from '../config/nearest.ts';
import { OsmithError } from '../errors.ts';
import { evaluate } from './evaluate.ts';
import { parseProgram } from './parse.ts';
import { syncDocument } from './sync.ts';

export interface Modifier {
  file: string;
  text: string;
}

/** What a template is rendered with. */
export interface Variables {
  /** For `EVE_HV` and `EVE_PLATFORM` in files. */
  hv: string;
  platform: string;
  /** Flags of the version: `dev` and `k` choose variants of a package. */
  flags: readonly string[];
  /** References by name, such as `PILLAR_TAG`. */
  tags: ReadonlyMap<string, string>;
  /** Further names that there are, for hints. */
  known: readonly string[];
}

function parse(text: string, file: string): { document: Document.Parsed; lines: LineCounter } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [fault] = document.errors;
  if (fault === undefined) return { document, lines };
  throw new OsmithError('E_COMPOSE', `This is not YAML: ${fault.message}`, {
    where: { file, line: lines.linePos(fault.pos[0]).line },
    hint: 'Mend the line; indentation is by spaces',
  });
}

type Entries = Record<string, unknown>[];

/** Contents that stand for words of the variant. */
function withVariant(value: Record<string, unknown>, { hv, platform }: Variables): Record<string, unknown> {
  const words: Record<string, string> = { EVE_HV: hv, EVE_PLATFORM: platform };
  const files = (value['files'] as Entries | undefined)?.map((entry) => {
    const word = words[String(entry['contents'])];
    return word === undefined ? entry : { ...entry, contents: word };
  });
  return files === undefined ? value : { ...value, files };
}

/** The tag of the variant that the flags choose, for packages that have one. */
export function variantTag(tag: string, { flags, tags }: Pick<Variables, 'flags' | 'tags'>): string {
  const infix = [flags.includes('k') && 'K', flags.includes('dev') && 'DEV'].filter(Boolean).join('_');
  if (infix === '') return tag;
  const variant = tag.replace(/_TAG$/, `_${infix}_TAG`);
  return tags.has(variant) ? variant : tag;
}

const TAG = /(?<![A-Za-z0-9_])[A-Z][A-Z0-9_]*_TAG(?![A-Za-z0-9_])/g;

/** Puts in references. A name that nothing is known of is an error. */
function putTags(document: Document.Parsed, lines: LineCounter, file: string, variables: Variables): void {
  const faults: OsmithError[] = [];
  visit(document, {
    Scalar: (_key, node, path) => {
      if (!isScalar(node) || typeof node.value !== 'string') return;
      const parents = path.flatMap((each) =>
        'key' in each && isScalar(each.key) ? [String(each.key.value)] : [],
      );
      const isContainer = ['onboot', 'services'].includes(parents[0] ?? '') && parents.at(-1) === 'image';
      const text = node.value.replaceAll(TAG, (name) => {
        const chosen = isContainer ? variantTag(name, variables) : name;
        const reference = variables.tags.get(chosen);
        if (reference !== undefined) return reference;
        const meant = nearest(name, [...variables.tags.keys(), ...variables.known]);
        faults.push(
          new OsmithError('E_COMPOSE', `There is no package for ${name}`, {
            where:
              node.range === undefined || node.range === null
                ? { file }
                : { file, line: lines.linePos(node.range[0]).line },
            hint: `${meant === undefined ? '' : `Did you mean ${meant}? `}Names come from the packages, or from --tag NAME=REFERENCE`,
          }),
        );
        return name;
      });
      if (text === node.value) return;
      node.value = text;
      delete node.source;
    },
  });
  const [first, ...also] = faults;
  if (first !== undefined) throw new OsmithError(first.code, first.message, { ...first.details, also });
}

/** The names in a document that stand for references. */
export function tagNames(text: string): string[] {
  return [...new Set(text.match(TAG) ?? [])].sort();
}

/** The finished composition. Throws E_COMPOSE. `file` is for messages. */
export function renderTemplate(
  text: string,
  file: string,
  modifiers: readonly Modifier[],
  variables: Variables,
): string {
  const { document, lines } = parse(text, file);
  for (const modifier of modifiers) {
    const before: unknown = document.toJS();
    const results = evaluate(parseProgram(modifier.text, modifier.file), before, modifier.file);
    const [value] = results;
    if (results.length !== 1 || typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new OsmithError(
        'E_COMPOSE',
        `${modifier.file} makes ${results.length === 1 ? 'no mapping' : `${results.length} documents`}`,
        {
          where: { file: modifier.file },
          hint: 'A modifier changes the document: its result is the whole of it',
        },
      );
    }
    syncDocument(document, value);
  }
  syncDocument(document, withVariant(document.toJS() as Record<string, unknown>, variables));
  putTags(document, lines, file, variables);
  return document.toString({
    lineWidth: 0,
    indentSeq: !/^\w+:\s*\n- /m.test(text),
    flowCollectionPadding: !/\{[^\s}]/.test(text),
  });
}
