/**
 * The files of an image as they go into the system. Container programs make some files when they run a container and so
 * leave placeholders of them in images: those are dropped or replaced, and what every container needs is added.
 */
import { DIRECTORY, FILE, HARD_LINK, SYMLINK } from '../run/layer/entry.ts';
import type { EntrySink } from '../oci/layer.ts';
import type { LayerEntry } from '../oci/tar-parser.ts';
import type { ImageItem, Origin } from './items.ts';
import type { TarHeader } from './tar-header.ts';
import type { HeaderSink } from './tar-sink.ts';

/** Of everything that is made rather than taken: 2017-04-18T16:30:00Z. */
export const MADE_TIME = 1492533000;

const DROPPED = new Set(['.dockerenv', 'Dockerfile', 'dev/console', 'dev/pts', 'dev/shm', 'etc/hostname']);

const HOSTS = `127.0.0.1       localhost
::1     localhost ip6-localhost ip6-loopback
fe00::0 ip6-localnet
ff00::0 ip6-mcastprefix
ff02::1 ip6-allnodes
ff02::2 ip6-allrouters
`;

const NO_RESOLV = '\n# no resolv.conf configured\n';

/** Records that tell where an entry comes from. */
export function originRecords({ source, location }: Origin): Map<string, Buffer> {
  return new Map([
    ['LINUXKIT.location', Buffer.from(location)],
    ['LINUXKIT.source', Buffer.from(source)],
  ]);
}

/** A header for what no image brings. */
export function madeHeader(
  fields: Partial<TarHeader> & Pick<TarHeader, 'path' | 'type' | 'mode'>,
  origin: Origin,
): TarHeader {
  const plain = {
    uid: 0,
    gid: 0,
    size: 0,
    mtime: MADE_TIME,
    link: '',
    major: 0,
    minor: 0,
    uname: '',
    gname: '',
  };
  return { ...plain, records: originRecords(origin), ...fields };
}

/** A header for what an image brings, at another path. */
export function takenHeader(entry: LayerEntry, prefix: string, origin: Origin): TarHeader {
  const { raw, records, path, link, ...fields } = entry;
  return {
    ...fields,
    ...{ uname: raw.uname, gname: raw.gname, path: prefix + path },
    link: entry.type === HARD_LINK ? prefix + link : link,
    records: new Map([...records, ...originRecords(origin)]),
  };
}

interface Made {
  header: TarHeader;
  content: string;
}

/** What there is in any image, in the order in which it is added to one that lacks it. */
function required({
  prefix,
  resolv,
  ...origin
}: Pick<ImageItem, 'prefix' | 'resolv' | 'source' | 'location'>) {
  const made = (path: string, type: string, mode: number, content = '', link = ''): [string, Made] => {
    const fields = { path: prefix + path, type, mode, size: Buffer.byteLength(content), link };
    return [path, { header: madeHeader(fields, origin), content }];
  };
  const directory = (path: string) => made(path, DIRECTORY, 0o755);
  return new Map([
    ...['dev', 'dev/pts', 'dev/shm', 'etc'].map(directory),
    made('etc/hosts', FILE, 0o644, HOSTS),
    made('etc/mtab', SYMLINK, 0o755, '', '/proc/mounts'),
    resolv === ''
      ? made('etc/resolv.conf', FILE, 0o644, NO_RESOLV)
      : made('etc/resolv.conf', SYMLINK, 0o644, '', resolv),
    ...['proc', 'sys'].map(directory),
  ]);
}

/** An image's files on their way into the tar. */
export interface ImageFiles extends EntrySink {
  /** Adds what the image lacks. */
  end(): void;
}

/** Says for a path of an image who wants to see the content too. */
export type Watch = (path: string) => ((piece: Buffer) => void) | undefined;

export function imageFiles(item: ImageItem, sink: HeaderSink, watch: Watch): ImageFiles {
  const missing = required(item);
  let watcher: ((piece: Buffer) => void) | undefined;

  function write({ header, content }: Made): void {
    sink.header(header);
    if (content !== '') sink.data(Buffer.from(content));
  }

  function entry(found: LayerEntry): boolean {
    watcher = undefined;
    if (DROPPED.has(found.path)) return false;
    const made = missing.get(found.path);
    if (made !== undefined) {
      missing.delete(found.path);
      // linuxkit writes both, and who unpacks the tar sees the second: here it takes the place of the first.
      if (found.path !== 'etc/mtab') {
        write(made);
        return false;
      }
    }
    const header = takenHeader(found, item.prefix, item);
    sink.header(made === undefined ? header : { ...header, ...madeTime(header) });
    watcher = watch(found.path);
    return true;
  }

  return {
    entry,
    data(piece) {
      sink.data(piece);
      watcher?.(piece);
    },
    drain: () => sink.drain(),
    end() {
      for (const made of missing.values()) write(made);
    },
  };
}

/** The time of what is made, also where the original's has a fraction. */
function madeTime({ records }: TarHeader): Pick<TarHeader, 'mtime' | 'records'> {
  return { mtime: MADE_TIME, records: new Map([...records].filter(([key]) => key !== 'mtime')) };
}
