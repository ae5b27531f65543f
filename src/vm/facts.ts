/** What a running system says about itself. */
import { OsmithError } from '../errors.ts';
import type { Guest } from './guest.ts';
import type { Vm } from './vm.ts';

export interface SystemFacts {
  /** Its own name, such as `Debian GNU/Linux 13 (trixie)`. */
  name: string;
  kernel: string;
  /** Undefined: the firmware has no such thing. */
  secureBoot: boolean | undefined;
  /** Type of the root file system. */
  root: string;
  /** systemd's word for it: `running` when every unit started. */
  state: string;
  /** Units that did not. */
  failed: string[];
}

const QUESTIONS = `
. /etc/os-release; echo "name=$PRETTY_NAME"
echo "kernel=$(uname -r)"
for f in /sys/firmware/efi/efivars/SecureBoot-*; do [ -e "$f" ] && echo "secureBoot=$(od -An -tu1 -j4 -N1 "$f")"; done
echo "root=$(findmnt -no FSTYPE /)"
echo "state=$(systemctl is-system-running --wait)"
systemctl --failed --no-legend --plain | sed 's/^/failed=/; s/ .*//'
true`;

/** Reads the answers, one `name=value` a line. */
export function parseFacts(output: string): SystemFacts {
  const lines = output.split('\n').map((line) => line.split(/=(.*)/s).map((part) => part.trim()));
  const all = (name: string) => lines.filter(([key]) => key === name).map(([, value]) => value ?? '');
  const one = (name: string) => all(name)[0] ?? '';
  const secure = all('secureBoot')[0];
  return {
    ...{ name: one('name'), kernel: one('kernel'), root: one('root'), state: one('state') },
    secureBoot: secure === undefined ? undefined : secure === '1',
    failed: all('failed'),
  };
}

/** Asks the running system, once it has finished starting; fails if a part of it did not start. */
export async function readFacts(vm: Vm, guest: Guest, seconds: number): Promise<SystemFacts> {
  const { output, timedOut } = await guest.run(QUESTIONS, seconds);
  const facts = parseFacts(output);
  if (!timedOut && facts.state === 'running') return facts;
  const why = facts.failed.length > 0 ? `: ${facts.failed.join(', ')} failed` : '';
  const state = timedOut
    ? `has not finished starting after ${seconds} s`
    : `is ${facts.state || 'in no known state'}`;
  throw new OsmithError('E_BOOT', `The system came up but ${state}${why}`, {
    tail: output.split('\n').slice(-15),
    log: vm.log,
  });
}

/** The facts in one line, for people. */
export function describeFacts(facts: SystemFacts): string {
  const { secureBoot, root } = facts;
  const secure = secureBoot === undefined ? [] : [secureBoot ? 'Secure Boot enforced' : 'Secure Boot off'];
  return [facts.name, `Linux ${facts.kernel}`, ...secure, `root on ${root}`, `state ${facts.state}`].join(
    ', ',
  );
}
