/** Steps that switch the machine on and off. */
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { now } from '../../env.ts';
import { OsmithError } from '../../errors.ts';
import { BOOT_PARTS } from '../diagnose.ts';
import { allowReset } from '../qmp.ts';
import { consoleTail, powerOff, waitOff, waitRefused, waitUp } from '../up.ts';
import { defineStepKind } from './types.ts';

/** Seconds. Emulated machines are slow, and several share the processors. */
const seconds = z.number().positive();

/** Switches the machine on; does not wait for anything. */
export const boot = defineStepKind({
  params: z.strictObject({
    /** Whether it may restart by itself; otherwise that ends the machine. */
    restarts: z.boolean().default(false),
    /** With the medium taken out. */
    from: z.literal('disks').optional(),
  }),
  title: ({ from }) => (from === undefined ? 'is switched on' : 'is switched on without the medium'),
  run: async (context, options) => void (await context.start(options)),
});

/** Waits for the login prompt on the console. */
export const up = defineStepKind({
  params: z.strictObject({ within: seconds.default(600) }),
  title: () => 'comes up to the login prompt',
  run: (context, { within }) => waitUp(context.vm(), within, context.signal),
});

/** Waits until Secure Boot refuses a part of the boot chain. */
export const refused = defineStepKind({
  short: 'part',
  params: z.strictObject({ part: z.enum(BOOT_PARTS), within: seconds.default(120) }),
  title: ({ part }) => `the ${part} is refused`,
  run: async (context, { part, within }) => {
    await waitRefused(context.vm(), part, within, context.signal);
  },
});

/** Presses the power button, or asks the system from inside; waits until the machine is off. */
export const poweroff = defineStepKind({
  short: 'by',
  params: z.strictObject({
    by: z.enum(['button', 'command']).default('button'),
    within: seconds.default(120),
  }),
  title: ({ by }) => (by === 'button' ? 'shuts down when the power button is pressed' : 'shuts down'),
  run: async (context, { by, within }) => {
    const vm = context.vm();
    if (by === 'button') await powerOff(vm, within, context.signal);
    else {
      (await context.guest()).send('systemctl poweroff');
      await waitOff(vm, within, context.signal);
    }
    context.leaveGuest();
  },
});

/** Waits until the machine has switched itself off. */
export const off = defineStepKind({
  params: z.strictObject({ within: seconds.default(120) }),
  title: () => 'switches itself off',
  run: async (context, { within }) => {
    await waitOff(context.vm(), within, context.signal);
    context.leaveGuest();
  },
});

/** Restarts the system from inside and waits for the login prompt. */
export const reboot = defineStepKind({
  params: z.strictObject({ within: seconds.default(600) }),
  title: () => 'restarts',
  run: async (context, { within }) => {
    const vm = context.vm();
    const guest = await context.guest();
    await allowReset(vm.qmp, true);
    const reset = new Promise<void>((resolve) =>
      vm.qmp.onEvent(({ event }) => event === 'RESET' && resolve()),
    );
    guest.send('systemctl reboot');
    context.leaveGuest();
    await Promise.race([
      reset,
      vm.ended,
      sleep(within * 1000, undefined, { ref: false, signal: context.signal }),
    ]);
    vm.serial.skip();
    await waitUp(vm, within, context.signal);
    if (!context.mayRestart()) await allowReset(vm.qmp, false);
  },
});

/** Waits until the machine has restarted by itself, so often since it was switched on. */
export const restarted = defineStepKind({
  short: 'times',
  params: z.strictObject({ times: z.int().positive().default(1), within: seconds.default(1200) }),
  title: ({ times }) => (times === 1 ? 'restarts by itself' : `has restarted by itself ${times} times`),
  run: async (context, { times, within }) => {
    const vm = context.vm();
    const end = now() + within * 1000;
    while (context.restarts() < times) {
      if (vm.hasEnded() || now() >= end) {
        const why = vm.hasEnded() ? 'before the machine went off' : `within ${within} s`;
        throw new OsmithError('E_BOOT', `The machine restarted ${context.restarts()} times ${why}`, {
          hint: 'A machine that may restart is switched on with `boot: { restarts: true }`',
          tail: consoleTail(vm),
          log: vm.log,
        });
      }
      await sleep(200, undefined, { signal: context.signal });
    }
  },
});

/** Pulls the plug: what the system has not written to its disk yet is lost. */
export const cut = defineStepKind({
  params: z.strictObject({}),
  title: () => 'the power is cut',
  run: async (context) => {
    await context.vm().cut();
    context.leaveGuest();
  },
});
