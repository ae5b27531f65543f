/** `osmith schedule`: systemd units that build the configured variants at set times. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { loadVariants, type Variant } from '../config/variants.ts';
import { OsmithError, type Where } from '../errors.ts';
import { type Unit, unitsOf } from '../schedule/units.ts';
import { globals, ROOT } from './globals.ts';

interface ScheduleOptions {
  out: string;
  user: string;
  calendar?: string;
}

export function register(program: Command): void {
  const command = program
    .command('schedule')
    .description('write systemd services and timers that build the variants of config/variants.ini')
    .option('--out <dir>', 'where the units go; nothing is installed', 'out/systemd')
    .option('--user <name>', 'the account that builds', 'osmith')
    .option(
      '--calendar <time>',
      'when, for all variants, as systemd.time(7) writes it, such as "*-*-05 03:00"; default: what each variant says',
    )
    .action((options: ScheduleOptions) => run(command, options));
}

function run(command: Command, options: ScheduleOptions): void {
  const { workspace, localdir, json } = globals(command);
  const user = checkUser(options.user);
  if (options.calendar !== undefined) checkCalendar(options.calendar);
  const units = loadVariants({ workspace, localdir }).flatMap((variant): Unit[] => {
    const calendar = options.calendar ?? calendarOf(variant);
    if (calendar === undefined) return [];
    return unitsOf(variant, calendar, { osmith: join(ROOT, 'osmith'), workspace, localdir, user });
  });
  if (units.length === 0) {
    throw new OsmithError('E_CONFIG', 'No variant says when it is to be built', {
      where: { file: join(workspace, 'config', 'variants.ini') },
      hint: 'Give a section `calendar = weekly`, or all of them a time with --calendar',
    });
  }
  const out = resolve(options.out);
  mkdirSync(out, { recursive: true });
  for (const { file, text } of units) writeFileSync(join(out, file), text);
  const files = units.map(({ file }) => join(out, file));
  process.stdout.write(json ? `${JSON.stringify({ type: 'schedule', files })}\n` : asText(files, user));
}

/** What follows is for the administrator: Osmith changes nothing of the machine. */
function asText(files: readonly string[], user: string): string {
  const timers = files.filter((file) => file.endsWith('.timer')).map((file) => file.replace(/.*\//, ''));
  return `${files.join('\n')}

To have the machine build at these times, as its administrator:
  useradd --system --home-dir /var/lib/osmith --shell /usr/sbin/nologin ${user}
  usermod --add-subuids 10000000-10065535 --add-subgids 10000000-10065535 ${user}
  install -m 644 ${files.join(' ')} /etc/systemd/system/
  systemctl daemon-reload
  systemctl enable --now ${timers.join(' ')}
`;
}

function checkUser(user: string): string {
  if (/^[a-z_][a-z0-9_-]{0,31}$/.test(user)) return user;
  throw new OsmithError('E_USAGE', `${JSON.stringify(user)} is no name of an account`, {
    hint: 'Use lower-case letters, digits, _ and -',
  });
}

function calendarOf({ calendar }: Variant): string | undefined {
  if (calendar === undefined) return undefined;
  checkCalendar(calendar.text, calendar.where);
  return calendar.text;
}

/** systemd itself knows what it takes; where it is not installed, it says so when the timer is loaded. */
function checkCalendar(text: string, where?: Where): void {
  const { status } = spawnSync('systemd-analyze', ['calendar', '--', text], { stdio: 'ignore' });
  if (status === null || status === 0) return;
  throw new OsmithError(
    where === undefined ? 'E_USAGE' : 'E_CONFIG',
    `${JSON.stringify(text)} is no time for systemd`,
    {
      where,
      hint: 'Write it as systemd.time(7) says, such as weekly, or *-*-05 03:00 for the fifth of each month',
    },
  );
}
