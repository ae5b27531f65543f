/** The kinds of steps that a scenario can have, by the name that YAML uses. */
import { console, enter } from './console.ts';
import { delete as deleteFiles, unchanged } from './disk.ts';
import { boot, cut, off, poweroff, reboot, refused, restarted, up } from './power.ts';
import { push } from './push.ts';
import { run } from './run.ts';
import { downloaded, sent, serve } from './serve.ts';
import { running, slots } from './slots.ts';
import type { StepKind } from './types.ts';
import { files, table, write } from './volume.ts';

export const STEP_KINDS: Readonly<Record<string, StepKind>> = {
  boot,
  up,
  run,
  console,
  enter,
  refused,
  reboot,
  restarted,
  poweroff,
  off,
  cut,
  push,
  serve,
  sent,
  downloaded,
  delete: deleteFiles,
  files,
  write,
  table,
  unchanged,
  slots,
  running,
};
