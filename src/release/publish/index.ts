/** The kinds of targets. */
import { OsmithError } from '../../errors.ts';
import { directoryKind } from './directory.ts';
import { s3Kind } from './s3.ts';
import { sshKind } from './ssh.ts';
import type { Reader } from '../reader.ts';
import type { Publisher, PublisherKind, PublisherOptions } from './types.ts';

const KINDS: PublisherKind[] = [directoryKind, s3Kind, sshKind];

/** The kind of a target, and what follows it there. Throws E_USAGE. */
function kindOf(target: string): { kind: PublisherKind; rest: string } {
  const [, scheme, rest] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/.exec(target) ?? [];
  if (scheme === undefined) return { kind: directoryKind, rest: target };
  const kind = KINDS.find((each) => each.kind === scheme);
  if (kind !== undefined) return { kind, rest: rest! };
  throw new OsmithError('E_USAGE', `Releases cannot be published to ${scheme}:// yet`, {
    hint: `Name a directory, such as the root of a web server, or one of ${KINDS.map((each) => `${each.kind}://`).join(', ')}`,
  });
}

/** Opens a target: `KIND://…`, or the path of a directory. Throws E_USAGE. */
export function openPublisher(options: PublisherOptions): Publisher {
  const { kind, rest } = kindOf(options.target);
  return kind.open({ ...options, target: rest });
}

/** Opens a target to look at it only. Throws E_USAGE. */
export function openReader(options: Omit<PublisherOptions, 'name'>): Reader {
  const { kind, rest } = kindOf(options.target);
  return kind.read({ ...options, target: rest });
}
