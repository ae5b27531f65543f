/** What is in a composed tar without the tar: its entries, with digests in place of contents. */
import { createHash, type Hash } from 'node:crypto';
import { FILE, HARD_LINK, normalise, type Entry } from '../run/layer/entry.ts';
import type { HeaderSink } from './tar-sink.ts';

/** An entry as JSON. */
export interface Listed extends Omit<Entry, 'xattrs'> {
  /** Extended attributes: name to value in base64. */
  xattrs: Record<string, string>;
  /** SHA-256 of a file's content. */
  digest: string;
}

const XATTR = 'SCHILY.xattr.';

export interface ListingSink extends HeaderSink {
  /** The entries so far. */
  end(): Listed[];
}

/** `content` gets the contents of files for which it returns something. */
export function listingSink(content?: (path: string) => ((piece: Buffer) => void) | undefined): ListingSink {
  const entries: Listed[] = [];
  let hash: Hash | undefined;
  let taker: ((piece: Buffer) => void) | undefined;

  function finish(): void {
    if (hash !== undefined) entries.at(-1)!.digest = hash.digest('hex');
    hash = undefined;
  }

  return {
    header({ records, path, link, ...fields }) {
      finish();
      const xattrs = [...records].filter(([key]) => key.startsWith(XATTR));
      const { mode, uid, gid, size, mtime, major, minor } = fields;
      const type = fields.type as Entry['type'];
      entries.push({
        ...{
          path: normalise(path),
          type,
          mode: mode & 0o7777,
          uid,
          gid,
          mtime: Math.floor(mtime),
          major,
          minor,
        },
        ...{ size: type === FILE ? size : 0, link: type === HARD_LINK ? normalise(link) : link, digest: '' },
        xattrs: Object.fromEntries(
          xattrs.map(([key, value]) => [key.slice(XATTR.length), value.toString('base64')]),
        ),
      });
      if (type === FILE) hash = createHash('sha256');
      taker = type === FILE ? content?.(normalise(path)) : undefined;
    },
    data(piece) {
      hash?.update(piece);
      taker?.(piece);
    },
    drain: () => undefined,
    end() {
      finish();
      return entries;
    },
  };
}
