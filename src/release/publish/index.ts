/** The kinds of targets. */
import { OsmithError } from '../../errors.ts';
import { directoryKind } from './directory.ts';
import { s3Kind } from './s3.ts';
import { sshKind } from './ssh.ts';
import type { Publisher, PublisherKind, PublisherOptions } from './types.ts';

const KINDS: PublisherKind[] = [directoryKind, s3Kind, sshKind];

/** Opens a target: `KIND://…`, or the path of a directory. Throws E_USAGE. */
export function openPublisher(options: PublisherOptions): Publisher {
  const [, scheme, rest] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/.exec(options.target) ?? [];
  if (scheme === undefined) return directoryKind.open(options);
  const kind = KINDS.find((each) => each.kind === scheme);
  if (kind !== undefined) return kind.open({ ...options, target: rest! });
  throw new OsmithError('E_USAGE', `Releases cannot be published to ${scheme}:// yet`, {
    hint: `Name a directory, such as the root of a web server, or one of ${KINDS.map((each) => `${each.kind}://`).join(', ')}`,
  });
}
