/** systemd units that build variants at set times: systemd.service(5), systemd.timer(5), systemd.exec(5). */
import { dirname, join, resolve } from 'node:path';
import { OsmithError } from '../errors.ts';
import { type Variant, variantArguments } from '../config/variants.ts';

export interface UnitOptions {
  /** Absolute path of the program. */
  osmith: string;
  /** Absolute path of the workspace. */
  workspace: string;
  localdir?: string | undefined;
  /** The account that builds. */
  user: string;
}

export interface Unit {
  file: string;
  text: string;
}

/** A word of a unit: quoted, without specifiers. */
function quoted(word: string): string {
  const literal = word.replaceAll('%', '%%');
  if (/^[\w@%+=:,./-]+$/.test(literal)) return literal;
  return `"${literal.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
}

/** A command line: variables are replaced in all words but the first, which must be the path of a program. */
function commandLine([program, ...args]: readonly [string, ...string[]]): string {
  if (/["'\\\p{Cc}]/u.test(program)) {
    throw new OsmithError(
      'E_USAGE',
      `systemd starts no program with such a path: ${JSON.stringify(program)}`,
      {
        hint: 'Put Osmith where no directory has quotes or backslashes in its name',
      },
    );
  }
  return [quoted(program), ...args.map((word) => quoted(word.replaceAll('$', '$$$$')))].join(' ');
}

/** A name as systemd escapes it: what units cannot have in their names becomes `\xNN`. */
function unitName(name: string): string {
  return [...Buffer.from(name)]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      return /[A-Za-z0-9:_.-]/.test(character) ? character : `\\x${byte.toString(16).padStart(2, '0')}`;
    })
    .join('');
}

/** Text of an option that is no command line. */
function plain(text: string): string {
  return text.replaceAll('%', '%%');
}

/**
 * What steps may do is up to their sandbox, which needs user namespaces and newuidmap(1), a program with file
 * capabilities or the setuid bit: so NoNewPrivileges, and settings that imply it, are not possible.
 */
const CONFINEMENT = `# Only its own state can be written; of home directories only Osmith and the workspace can be seen.
ProtectSystem=strict
ProtectHome=tmpfs
PrivateTmp=yes
StateDirectory=osmith
StateDirectoryMode=0700
UMask=0077
KeyringMode=private
# Whatever a build leaves behind goes with it.
KillMode=mixed
TimeoutStopSec=60
# Others on the machine come first.
Nice=10
CPUSchedulingPolicy=batch
IOSchedulingClass=idle
OOMPolicy=stop`;

/** Paths that the confinement would hide or protect. */
function exceptions({ tasks, target }: Variant, { osmith, workspace, localdir }: UnitOptions): string {
  const read = [dirname(osmith), workspace, ...(localdir === undefined ? [] : [localdir])];
  const writes = tasks.includes('release') && target !== '' && !target.includes('://');
  return [
    `BindReadOnlyPaths=${[...new Set(read)].map(quoted).join(' ')}`,
    ...(writes ? [`ReadWritePaths=${quoted(resolve(workspace, target))}`] : []),
  ].join('\n');
}

function serviceUnit(variant: Variant, options: UnitOptions): string {
  const { name, attributes, tasks } = variant;
  const { osmith, workspace, localdir, user } = options;
  const shared = ['-C', workspace, ...(localdir === undefined ? [] : ['--localdir', localdir])];
  const out = ['--out', `/var/lib/osmith/${name}`];
  const lines = tasks.map((task) => {
    return `ExecStart=${commandLine([osmith, ...shared, task, ...variantArguments({ attributes }), ...out])}`;
  });
  return `# Written by \`osmith schedule\`, which replaces it.
[Unit]
Description=${plain(`Osmith: ${tasks.join(', ')} ${name}`)}
Documentation=file:${plain(encodeURI(join(dirname(osmith), 'docs/schedule.md')))}
Wants=network-online.target
After=network-online.target time-sync.target

[Service]
Type=oneshot
User=${plain(user)}
WorkingDirectory=/var/lib/osmith
Environment=HOME=/var/lib/osmith OSMITH_STORE=/var/lib/osmith/store
${lines.join('\n')}
# A build that hangs shall not keep the next one from starting.
TimeoutStartSec=12h
${CONFINEMENT}
${exceptions(variant, options)}
`;
}

function timerUnit({ name }: Variant, calendar: string): string {
  return `# Written by \`osmith schedule\`, which replaces it.
[Unit]
Description=${plain(`Times at which Osmith builds ${name}`)}

[Timer]
OnCalendar=${plain(calendar)}
# A time that the machine slept through is made up for.
Persistent=true
RandomizedDelaySec=15min

[Install]
WantedBy=timers.target
`;
}

/** Service and timer of a variant. */
export function unitsOf(variant: Variant, calendar: string, options: UnitOptions): Unit[] {
  const name = `osmith-${unitName(variant.name)}`;
  return [
    { file: `${name}.service`, text: serviceUnit(variant, options) },
    { file: `${name}.timer`, text: timerUnit(variant, calendar) },
  ];
}
