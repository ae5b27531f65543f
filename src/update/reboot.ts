/** When a machine starts its new system. */
import { OsmithError } from '../errors.ts';
import { must, type RunProgram } from './programs.ts';

const UNIT = 'osmith-reboot';
/** What `RunProgram` says of a program that is not there. */
const NO_PROGRAM = 127;

/** `never`, `now`, or a calendar event of systemd.time(7). Throws for one that systemd does not understand. */
export async function checkRebootPolicy(run: RunProgram, policy: string): Promise<void> {
  if (policy === 'never' || policy === 'now') return;
  const { exit, stderr } = await run(['systemd-analyze', 'calendar', '--', policy]);
  if (exit === 0) return;
  if (exit === NO_PROGRAM)
    throw new OsmithError('E_AGENT', `update.reboot: ${policy} is waited for by systemd, which is not here`, {
      hint: 'Use never or now',
    });
  throw new OsmithError('E_AGENT', `update.reboot: ${policy} is no calendar event: ${stderr.trim()}`, {
    hint: 'Use never, now, or what `systemd-analyze calendar` takes, such as `Sat 03:00`',
  });
}

/** Arranges for the reboot; a timer of systemd does the waiting. */
export async function arrangeReboot(run: RunProgram, policy: string): Promise<string> {
  await cancelReboot(run);
  if (policy === 'never') return 'the new system is tried at the next reboot';
  if (policy === 'now') {
    const { exit } = await run(['systemctl', 'reboot']);
    if (exit === NO_PROGRAM) await must(run, ['reboot']);
    else if (exit !== 0) throw new OsmithError('E_TOOL', `systemctl reboot ended with ${exit}`);
    return 'rebooting into the new system';
  }
  const timer = ['systemd-run', '--quiet', '--collect', `--unit=${UNIT}`, `--on-calendar=${policy}`];
  await must(run, [...timer, 'systemctl', 'reboot']);
  return `the new system is tried at ${policy}`;
}

/** Takes back what `arrangeReboot` arranged. */
export async function cancelReboot(run: RunProgram): Promise<void> {
  await run(['systemctl', 'stop', `${UNIT}.timer`]);
}
