/** The kinds of steps that a scenario can have, by the name that YAML uses. */
import { boot, console, poweroff, reboot, refused, up } from './power.ts';
import { run } from './run.ts';
import type { StepKind } from './types.ts';

export const STEP_KINDS: Readonly<Record<string, StepKind>> = {
  boot,
  up,
  run,
  console,
  refused,
  reboot,
  poweroff,
};
