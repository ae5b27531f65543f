/** The kinds of steps that a scenario can have, by the name that YAML uses. */
import { delete as deleteFiles, files, unchanged } from './disk.ts';
import { boot, console, cut, poweroff, reboot, refused, restarted, up } from './power.ts';
import { push } from './push.ts';
import { run } from './run.ts';
import { downloaded, sent, serve } from './serve.ts';
import { running, slots } from './slots.ts';
import type { StepKind } from './types.ts';

export const STEP_KINDS: Readonly<Record<string, StepKind>> = {
  boot,
  up,
  run,
  console,
  refused,
  reboot,
  restarted,
  poweroff,
  cut,
  push,
  serve,
  sent,
  downloaded,
  delete: deleteFiles,
  files,
  unchanged,
  slots,
  running,
};
