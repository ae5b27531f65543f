/** What a hook says about itself in comment lines `# osmith: KEY VALUE...`, and which variables it reads. */
import { OsmithError } from '../errors.ts';
import { CHECK_NAMES, type DeclaredCheck } from './checks/index.ts';

export const CREDENTIALS = ['ssh', 'aws', 'netrc', 'gpg'] as const;
export type Credential = (typeof CREDENTIALS)[number];

export interface Declarations {
  /** Paths below `data/` of the workspace or the local directory that it reads. */
  data: string[];
  /** Programs that Osmith makes, which it installs. */
  programs: string[];
  /** Content hooks whose files it reads; `all`: those of every one. */
  content: string[] | 'all';
  /** Whether a content hook reads the tree. */
  tree: boolean;
  credentials: Credential[];
  /** Options, as `SECTION.OPTION`, one of which must be set for the hook to run at all. Empty: it always runs. */
  when: string[];
  /** What is to be looked at before any work. */
  checks: DeclaredCheck[];
  /** Whether it needs the network. */
  network: boolean;
  /** Whether it reads variables by computed names, so that all of them count as its inputs. */
  allEnv: boolean;
}

const KNOWN =
  'Known: `data PATH...`, `program NAME...`, `content [HOOK...]`, `tree`, `credentials ssh aws netrc gpg`, `network`, ' +
  `\`env all\`, \`when SECTION.OPTION...\`, \`check FORMAT SECTION.OPTION...\`; formats: ${CHECK_NAMES.join(' ')}`;

/** Reads one declaration into `found`; false if there is no such. */
function declare(found: Declarations, key: string, words: string[]): boolean {
  const alone = words.length === 0;
  if (key === 'data' && !alone) found.data.push(...words);
  else if (key === 'program' && !alone) found.programs.push(...words);
  else if (key === 'content') {
    found.content = alone || found.content === 'all' ? 'all' : [...found.content, ...words];
  } else if (key === 'credentials' && !alone) {
    const known = words.filter((word): word is Credential =>
      (CREDENTIALS as readonly string[]).includes(word),
    );
    if (known.length < words.length) return false;
    found.credentials.push(...known);
  } else if (key === 'when' && !alone && words.every(isOption)) found.when.push(...words);
  else if (key === 'check') return declareCheck(found, words);
  else if (key === 'tree' && alone) found.tree = true;
  else if (key === 'network' && alone) found.network = true;
  else if (key === 'env' && words.join() === 'all') found.allEnv = true;
  else return false;
  return true;
}

function isOption(word: string): boolean {
  return /^[^.]+\.[^.]+$/u.test(word);
}

function declareCheck({ checks }: Declarations, [check = '', ...options]: string[]): boolean {
  if (!CHECK_NAMES.includes(check) || options.length === 0 || !options.every(isOption)) return false;
  checks.push({ check, options });
  return true;
}

export function parseDeclarations(text: string, file: string): Declarations {
  const found: Declarations = {
    ...{ data: [], programs: [], content: [], credentials: [], when: [], checks: [] },
    ...{ tree: false, network: false, allEnv: false },
  };
  text.split('\n').forEach((line, index) => {
    const match = line.match(/^#\s*osmith:\s*(\S+)\s*(.*)$/);
    if (match === null) return;
    const [, key = '', value = ''] = match;
    if (declare(found, key, value.split(/\s+/).filter(Boolean))) return;
    throw new OsmithError('E_CONFIG', `Unknown declaration "osmith: ${key} ${value}" in a hook`, {
      where: { file, line: index + 1 },
      hint: KNOWN,
    });
  });
  return found;
}

/** The variables a script can read: those it names. */
export function usedVariables(text: string, all: Record<string, string>): Record<string, string> {
  const named = new Set(text.match(/\b(?:OSMITH|EIB|OSTREE)_[A-Z0-9_]+/g));
  return Object.fromEntries(Object.entries(all).filter(([name]) => named.has(name)));
}
