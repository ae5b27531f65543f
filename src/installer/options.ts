/** What an installation is told: words of the kernel's command line, and lines of a file on the medium's CONFIG partition. */
import { nearest } from '../config/nearest.ts';
import { OsmithError } from '../errors.ts';

/** On the CONFIG partition of the medium. */
export const OPTIONS_FILE = 'install.conf';

const PREFIX = 'osmith.install.';
const PARTS = ['root', 'config', 'persist'] as const;
export type SkippedPart = (typeof PARTS)[number];

export interface InstallOptions {
  /** Name of the disk; absent: the first that is fit. */
  disk?: string | undefined;
  /** Name of the disk for persistent data, if that is another. */
  persist?: string | undefined;
  /** Goes into the file `server` of the installed CONFIG. */
  server?: string | undefined;
  /** Goes into the file `soft_serial` there. */
  serial?: string | undefined;
  /** May destroy what is on the disk. */
  erase: boolean;
  /** What is left as it is on the disk. */
  skip: SkippedPart[];
  /** Disks whose partition tables are taken away, or all; nothing is installed then. */
  wipe?: string[] | 'all' | undefined;
  interactive: boolean;
  pause: ('before' | 'after')[];
  after: 'poweroff' | 'reboot';
  verify: boolean;
  /** Only the report is written. */
  reportOnly: boolean;
  /** What is told, though it stops nothing. */
  notes: string[];
}

type Reader = (options: InstallOptions, value: string, name: string) => void;

function wrong(name: string, value: string, wanted: string): OsmithError {
  return new OsmithError('E_INSTALL', `${name} cannot be ${JSON.stringify(value)}`, {
    hint: `It must be ${wanted}`,
  });
}

/** A word alone stands for yes. */
function yes(name: string, value: string): boolean {
  if (['', 'yes', 'true', '1', 'on'].includes(value)) return true;
  if (['no', 'false', '0', 'off'].includes(value)) return false;
  throw wrong(name, value, 'yes or no');
}

function oneOf<T extends string>(name: string, value: string, known: readonly T[]): T {
  const found = known.find((each) => each === value);
  if (found !== undefined) return found;
  throw wrong(name, value, known.join(' or '));
}

function words<T extends string>(name: string, value: string, known: readonly T[]): T[] {
  return value
    .split(',')
    .filter(Boolean)
    .map((word) => oneOf(name, word, known));
}

/** `sda`, also of `/dev/sda`. */
function disk(name: string, value: string): string {
  const short = value.replace(/^\/dev\//, '');
  if (/^[a-z][a-z0-9]*$/.test(short)) return short;
  throw wrong(name, value, 'the name of a disk, such as sda');
}

function disks(name: string, value: string): string[] {
  return value
    .split(',')
    .filter(Boolean)
    .map((each) => disk(name, each));
}

/** One line of text in a file: nothing that would be two, or none. */
function line(name: string, value: string): string {
  if (value !== '' && /^[\x21-\x7e]+$/.test(value)) return value;
  throw wrong(name, value, 'one word of letters, digits and punctuation');
}

function persist(options: InstallOptions, value: string, name: string): void {
  const [first, ...more] = disks(name, value);
  if (first === undefined) throw wrong(name, value, 'the name of a disk, such as sdb');
  if (more.length > 0) throw noZfs(`${name} names several disks`);
  options.persist = first;
}

function noZfs(what: string): OsmithError {
  return new OsmithError('E_INSTALL', `${what}: that takes ZFS, which this installer does not have`, {
    hint: 'Name one disk for persistent data, or none to have it on the disk of the system',
  });
}

function noEffect(why: string): Reader {
  return (options, _value, name) => void options.notes.push(`${name} has no effect: ${why}`);
}

function unable(why: string): Reader {
  return (_options, _value, name) => {
    throw new OsmithError('E_INSTALL', `${name} is not possible: ${why}`, { hint: `Leave ${name} out` });
  };
}

const skipping =
  (part: SkippedPart): Reader =>
  (options, value, name) => {
    if (yes(name, value)) options.skip.push(part);
  };

const pausing =
  (when: 'before' | 'after'): Reader =>
  (options, value, name) => {
    if (yes(name, value)) options.pause.push(when);
  };

const OPTIONS: Record<string, Reader> = {
  disk: (options, value, name) => void (options.disk = disk(name, value)),
  persist,
  server: (options, value, name) => void (options.server = line(name, value)),
  serial: (options, value, name) => void (options.serial = line(name, value)),
  erase: (options, value, name) => void (options.erase = yes(name, value)),
  skip: (options, value, name) => void (options.skip = words(name, value, PARTS)),
  wipe: (options, value, name) => void (options.wipe = value === 'all' ? 'all' : disks(name, value)),
  interactive: (options, value, name) => void (options.interactive = yes(name, value)),
  pause: (options, value, name) => void (options.pause = words(name, value, ['before', 'after'])),
  after: (options, value, name) => void (options.after = oneOf(name, value, ['poweroff', 'reboot'])),
  verify: (options, value, name) => void (options.verify = yes(name, value)),
  report: (options, value, name) => void (options.reportOnly = oneOf(name, value, ['only']) === 'only'),
};

/** EVE's names. */
const EVE: Record<string, Reader> = {
  eve_install_disk: OPTIONS['disk']!,
  eve_persist_disk: persist,
  eve_install_server: OPTIONS['server']!,
  eve_soft_serial: OPTIONS['serial']!,
  eve_install_skip_rootfs: skipping('root'),
  eve_install_skip_config: skipping('config'),
  eve_install_skip_persist: skipping('persist'),
  eve_nuke_disks: OPTIONS['wipe']!,
  eve_nuke_all_disks: (options, value, name) => {
    if (yes(name, value)) options.wipe = 'all';
  },
  eve_pause_before_install: pausing('before'),
  eve_pause_after_install: pausing('after'),
  eve_reboot_after_install: (options, value, name) => {
    if (yes(name, value)) options.after = 'reboot';
  },
  eve_disable_verify: (options, value, name) => void (options.verify = !yes(name, value)),
  eve_blackbox: (options, value, name) => void (options.reportOnly = yes(name, value)),
  eve_install_zfs_with_raid_level: (_options, _value, name) => {
    throw noZfs(name);
  },
  eve_install_skip_zfs_checks: noEffect('there is no ZFS to check for'),
  eve_install_random_disk_uuids: unable(
    'the system finds its partitions by the identities that it was built with',
  ),
  eve_skip_dev_cert: noEffect('no device certificate is made'),
};

/** The words of a command line; quotes keep blanks together, as the kernel reads them. */
function cmdlineWords(text: string): string[] {
  return (text.match(/(?:"[^"]*"|[^\s"])+/g) ?? []).map((word) => word.replaceAll('"', ''));
}

interface Setting {
  name: string;
  value: string;
  read: Reader;
}

function setting(word: string): { name: string; value: string } {
  const [, name = '', value = ''] = /^([^=]*)=?(.*)$/s.exec(word)!;
  return { name: name.trim(), value: value.trim() };
}

function unknown(
  name: string,
  known: readonly string[],
  where?: { file: string; line: number },
): OsmithError {
  const meant = nearest(name, known);
  const hint = meant === undefined ? `There are ${known.join(', ')}` : `Did you mean ${meant}?`;
  return new OsmithError('E_INSTALL', `There is no option ${name}`, { hint, where });
}

function fromCmdline(text: string): Setting[] {
  return cmdlineWords(text).flatMap((word) => {
    const { name, value } = setting(word);
    const own = name.startsWith(PREFIX);
    const read = own ? OPTIONS[name.slice(PREFIX.length)] : EVE[name];
    if (read !== undefined) return [{ name, value, read }];
    // Other words are the kernel's and other programs', but these are nobody else's.
    const known = own ? Object.keys(OPTIONS).map((each) => PREFIX + each) : Object.keys(EVE);
    if (own || /^eve_(?:install|nuke|pause)_/.test(name)) throw unknown(name, known);
    return [];
  });
}

/** Lines `name = value`; empty ones and those after # do not count. Windows' editors may have written it. */
function fromFile(text: string): Setting[] {
  return text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .flatMap((content, index) => {
      const stripped = content.replace(/^\s*#.*/, '').trim();
      if (stripped === '') return [];
      const { name, value } = setting(stripped);
      const read = OPTIONS[name] ?? EVE[name];
      if (read !== undefined) return [{ name, value, read }];
      throw unknown(name, Object.keys(OPTIONS), { file: OPTIONS_FILE, line: index + 1 });
    });
}

/** What goes into CONFIG has no place where CONFIG stays as it is. */
function checkKeptConfig({ skip, server, serial }: InstallOptions): void {
  if (!skip.includes('config') || (server ?? serial) === undefined) return;
  const lost = server === undefined ? 'serial' : 'server';
  throw new OsmithError('E_INSTALL', `${lost} would go into CONFIG, which skip=config leaves as it is`, {
    hint: `Leave out ${lost}, or config in the option skip`,
  });
}

/** The command line counts more than the file. Throws E_INSTALL for what cannot be meant. */
export function readOptions(cmdline: string, file = ''): InstallOptions {
  const options: InstallOptions = {
    ...{ erase: false, skip: [], interactive: false, pause: [], after: 'poweroff', verify: true },
    ...{ reportOnly: false, notes: [] },
  };
  for (const { name, value, read } of [...fromFile(file), ...fromCmdline(cmdline)])
    read(options, value, name);
  checkKeptConfig(options);
  return options;
}
