/** The sections [flatpak-remote-NAME]: from where Flatpak apps come, and all that is wrong with what they say. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join, resolve } from 'node:path';
import { nearest, type Config } from '../config/index.ts';
import { OsmithError, type Where } from '../errors.ts';
import { looksLikeKey, publicKeys } from '../flatpak/openpgp.ts';
import { placeName } from '../flatpak/outcome.ts';
import { entryFault } from '../flatpak/ref.ts';
import { parseRepoFile, type RepoFile } from '../flatpak/repo-file.ts';
import type { WantedRemote } from '../flatpak/types.ts';
import { localdirOf } from './find-hook.ts';

const PREFIX = 'flatpak-remote-';

/** Where keys lie that no option names, as for the Endless image builder. */
const KEYS = 'data/keys';

const LISTS = ['apps', 'runtimes', 'exclude', 'allow_extra_data'];

function flag(config: Config, section: string, option: string, otherwise: boolean): boolean {
  return config.find(section, option) === undefined ? otherwise : config.bool(section, option);
}

/** Sections of remotes that are not switched off. */
function enabledSections(config: Config): string[] {
  const sections = config.sections().filter((section) => section.startsWith(PREFIX));
  return sections.filter((section) => flag(config, section, 'enable', true));
}

/** Whether a variant has Flatpak remotes at all. */
export function usesFlatpak(config: Config): boolean {
  return flag(config, 'flatpak', 'enable', false) && enabledSections(config).length > 0;
}

/** A remote, and what the shipped system is to know of it. */
export interface ConfiguredRemote extends WantedRemote {
  /** Empty: the URL that it was pulled from. */
  deployUrl: string;
  noenumerate: boolean;
  p2p: boolean;
}

/** Where the options of a remote, and the words of its lists, are written. */
export function originsOf(config: Config, { name }: WantedRemote): Record<string, Where> {
  const section = PREFIX + name;
  const places = [...LISTS, 'url', 'repo_file'].flatMap((option): [string, Where | undefined][] => {
    const where = config.where(section, option) ?? sectionPlace(config, section);
    const words = LISTS.includes(option) ? config.list(section, option) : [];
    return [
      [placeName(name, option), where],
      ...words.map((word): [string, Where | undefined] => [
        placeName(name, option, word),
        config.where(section, option, word),
      ]),
    ];
  });
  return Object.fromEntries(places.filter((entry): entry is [string, Where] => entry[1] !== undefined));
}

/** Some line of a section. */
function sectionPlace(config: Config, section: string): Where | undefined {
  return config
    .options(section)
    .map((option) => config.where(section, option))
    .find((where) => where !== undefined);
}

/** The configuration, and what was found wrong with it so far. */
interface Reading {
  config: Config;
  faults: OsmithError[];
}

interface Complaint {
  section: string;
  option: string;
  message: string;
  hint: string;
  /** Of a list. */
  word?: string;
}

function complain({ config, faults }: Reading, { section, option, message, hint, word }: Complaint): void {
  const where = config.where(section, option, word) ?? sectionPlace(config, section);
  faults.push(new OsmithError('E_CONFIG', message, { where, hint }));
}

function text(config: Config, section: string, option: string): string {
  return config.find(section, option)?.trim() ?? '';
}

/** Entries of `apps` and `runtimes`. */
function entries(reading: Reading, section: string, option: string): string[] {
  const listed = reading.config.list(section, option);
  for (const word of listed) {
    const what = entryFault(word);
    if (what === undefined) continue;
    const message = `[${section}] ${option}: ${word} ${what}`;
    complain(reading, { section, option, message, hint: 'Write ID, ID/ARCH or ID/ARCH/BRANCH', word });
  }
  return listed;
}

/** What a .flatpakrepo file of this machine says; those on web servers are read when they are asked. */
function readRepoFile(reading: Reading, section: string, path: string): RepoFile | undefined {
  const file = path.startsWith('file://') ? fileURLToPath(path) : resolve(reading.config.workspace, path);
  const fault = (what: string, hint: string) =>
    complain(reading, { section, option: 'repo_file', message: `[${section}] repo_file ${what}`, hint });
  let content: string;
  try {
    content = readFileSync(file, 'utf8');
  } catch (error) {
    fault(`cannot be read: ${(error as Error).message}`, 'Correct the path');
    return undefined;
  }
  const said = parseRepoFile(content);
  if (said === undefined) {
    fault(
      `names no .flatpakrepo file: ${file}`,
      'It has a line [Flatpak Repo], and below it Url= and GPGKey=',
    );
  }
  return said;
}

/** The public keys of a remote in base64; empty: none are named. */
function readKeys(reading: Reading, section: string): string {
  const { config } = reading;
  const named = text(config, section, 'keys');
  const dirs = [config.workspace, localdirOf(config)].filter((dir) => dir !== undefined);
  const places = named === '' ? dirs.map((dir) => join(dir, KEYS)) : [resolve(config.workspace, named)];
  const files = places.flatMap(keyFiles);
  const data = publicKeys(files.map((file) => readFileSync(file)));
  if (data.length > 0 && !looksLikeKey(data)) {
    const message = `[${section}] keys: ${files.join(' ')} holds no public key`;
    complain(reading, { section, option: 'keys', message, hint: 'Export one with gpg --export' });
  }
  return data.toString('base64');
}

/** A file of keys, or those in a directory. */
function keyFiles(path: string): string[] {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return [];
  if (!found.isDirectory()) return [path];
  const names = readdirSync(path).filter((name) => /\.(asc|gpg)$/.test(name));
  return names.sort().map((name) => join(path, name));
}

function readRemote(reading: Reading, section: string): ConfiguredRemote {
  const { config } = reading;
  const get = (option: string) => text(config, section, option);
  const named = get('repo_file');
  const onWeb = /^https?:/i.test(named);
  const said = named === '' || onWeb ? undefined : readRepoFile(reading, section, named);
  const brought = onWeb || (said !== undefined && said.key !== '');
  const own = get('keys') === '' && brought ? '' : readKeys(reading, section);
  return {
    name: section.slice(PREFIX.length),
    gpgVerify: flag(config, section, 'gpg_verify', true),
    repoFile: onWeb ? named : '',
    url: get('url') || (said?.url ?? ''),
    key: own || (said?.key ?? ''),
    title: get('title') || (said?.title ?? ''),
    defaultBranch: get('default_branch') || (said?.defaultBranch ?? ''),
    prio: get('prio') === '' ? null : config.int(section, 'prio'),
    apps: entries(reading, section, 'apps'),
    runtimes: entries(reading, section, 'runtimes'),
    exclude: config.list(section, 'exclude'),
    allowExtraData: config.list(section, 'allow_extra_data'),
    deployUrl: get('deploy_url'),
    noenumerate: flag(config, section, 'noenumerate', false),
    p2p: flag(config, section, 'enable_p2p_updates', flag(config, 'flatpak', 'enable_p2p_updates', true)),
  };
}

function checkRemote(reading: Reading, section: string, remote: ConfiguredRemote, others: string[]): void {
  const { name, url, repoFile, key, gpgVerify } = remote;
  const fault = (option: string, message: string, hint: string) =>
    complain(reading, { section, option, message, hint });
  if (!/^[A-Za-z0-9][\w.-]*$/.test(name)) {
    const message = name === '' ? `[${section}] names no remote` : `[${section}] is no good name of a remote`;
    fault('url', message, 'Write [flatpak-remote-NAME], with letters, digits and . _ -');
  }
  if (url === '' && repoFile === '') {
    if (text(reading.config, section, 'repo_file') !== '') return;
    const meant = nearest(name, others);
    const instead = meant === undefined ? '' : `, or did you mean [${PREFIX}${meant}]?`;
    fault('url', `No URL defined for remote ${name}`, `Set url or repo_file${instead}`);
    return;
  }
  if (!gpgVerify || key !== '') return;
  if (repoFile === '') {
    const hint = `Set keys to their file, or put them into ${KEYS}/; gpg_verify = false trusts whoever answers`;
    fault('url', `The remote ${name} has no public keys: nothing from there could be verified`, hint);
  } else if (/^http:/i.test(repoFile)) {
    const message = `[${section}] repo_file brings its keys over a connection that anyone can alter`;
    fault('repo_file', message, 'Use https://, or set keys to the file of the public keys');
  }
}

/** All remotes in their order. Throws one E_CONFIG for all that is wrong with them. */
export function configuredRemotes(config: Config): ConfiguredRemote[] {
  const reading: Reading = { config, faults: [] };
  const sections = enabledSections(config);
  const names = sections.map((section) => section.slice(PREFIX.length));
  const remotes = sections.map((section) => {
    const remote = readRemote(reading, section);
    const others = names.filter((name) => name !== remote.name && name !== '');
    checkRemote(reading, section, remote, others);
    return remote;
  });
  const [first, ...also] = reading.faults;
  if (first !== undefined) throw new OsmithError(first.code, first.message, { ...first.details, also });
  return remotes;
}
