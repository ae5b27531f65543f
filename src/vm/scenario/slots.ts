/** Steps about the two slots of boot files: what the disk says, and what runs. */
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { SLOTS, type Slot } from '../../disk/boot-slots.ts';
import { now } from '../../env.ts';
import { OsmithError } from '../../errors.ts';
import { readRunning } from '../../update/read-state.ts';
import { BUILD_NAMES } from '../publish/builds.ts';
import { slotKindOf, type SlotsFound } from '../slots/index.ts';
import { espOf } from './disk.ts';
import { defineStepKind, type ScenarioContext } from './types.ts';

const slot = z.enum(SLOTS);
const build = z.enum(BUILD_NAMES);

const expectation = z.strictObject({
  /** Slot that is started when none is on trial. */
  boots: slot.optional(),
  /** Slot that the next boot tries. */
  tries: z.union([slot, z.literal('none')]).optional(),
  a: z.union([build, z.literal('incomplete')]).optional(),
  b: z.union([build, z.literal('incomplete')]).optional(),
  /** Seconds to wait until it is so; 0: it must be so now. */
  within: z.number().nonnegative().default(0),
});
type Expected = z.infer<typeof expectation>;

/** What the disk says, in the words of an expectation. */
export interface SlotsSeen {
  boots: Slot;
  tries: Slot | 'none';
  a: string;
  b: string;
}

export function slotsSeen(
  { environment: { slot: boots, trial }, systems }: SlotsFound,
  nameOf: (build: string) => string,
): SlotsSeen {
  const name = (of: Slot) => (systems[of] === undefined ? 'incomplete' : nameOf(systems[of].build));
  return { boots, tries: trial?.slot ?? 'none', a: name('a'), b: name('b') };
}

/** What is not as expected, in words; undefined if all is. */
export function slotMismatch(expected: Omit<Expected, 'within'>, seen: SlotsSeen): string | undefined {
  const wrong = (['boots', 'tries', 'a', 'b'] as const).filter(
    (key) => expected[key] !== undefined && expected[key] !== seen[key],
  );
  if (wrong.length === 0) return undefined;
  return wrong.map((key) => `${key}: ${seen[key]}, not ${expected[key]}`).join('; ');
}

function title({ boots, tries, a, b }: Expected): string {
  const parts = [
    boots && `boots slot ${boots}`,
    tries && (tries === 'none' ? 'tries no other' : `is to try slot ${tries}`),
    a && `slot a: ${a}`,
    b && `slot b: ${b}`,
  ];
  return parts.filter(Boolean).join(', ');
}

async function nameOfBuild(context: ScenarioContext): Promise<(build: string) => string> {
  const builds = await context.builds();
  return (id) => [...builds].find(([, build]) => build === id)?.[0] ?? `another build (${id.slice(0, 12)})`;
}

/** Milliseconds between two looks. */
const PAUSE = 1000;

/** What is not as expected on the disk. A machine that starts for the first time makes its second slot then. */
async function faultOnDisk(
  context: ScenarioContext,
  expected: Omit<Expected, 'within'>,
): Promise<string | undefined> {
  try {
    const found = await slotKindOf(context.image).look(await espOf(context));
    return slotMismatch(expected, slotsSeen(found, await nameOfBuild(context)));
  } catch (error) {
    if (error instanceof OsmithError && error.code === 'E_UPDATE') return error.message;
    throw error;
  }
}

/** Looks at the slots on the disk, or waits until they are as expected. */
export const slots = defineStepKind({
  params: expectation,
  title,
  needs: { disk: true, build: true },
  run: async (context, { within, ...expected }) => {
    const end = now() + within * 1000;
    for (;;) {
      const fault = await faultOnDisk(context, expected);
      if (fault === undefined) return;
      if (now() >= end) {
        const when = within > 0 ? ` after ${within} s` : '';
        throw new OsmithError('E_TEST', `The disk says${when} ${fault}`, {
          log: context.isOn() ? context.vm().log : undefined,
        });
      }
      await sleep(PAUSE, undefined, { signal: context.signal });
    }
  },
});

/** Nobody can log in to composed systems as they are built; but their kernels are not told to be quiet. */
async function commandLine(context: ScenarioContext): Promise<string> {
  if (!context.image.composed) return (await (await context.guest()).run('cat /proc/cmdline', 60)).output;
  const lines = context
    .vm()
    .serial.text()
    .matchAll(/Kernel command line: (.*)/g);
  return [...lines].at(-1)?.[1] ?? '';
}

/** Looks which slot and build the running system was started from. */
export const running = defineStepKind({
  params: z.strictObject({ slot: slot.optional(), build: build.optional(), trial: z.boolean().optional() }),
  title: (expected) =>
    `runs ${[
      expected.build && `the ${expected.build === 'same' ? 'same build' : `${expected.build} build`}`,
      expected.slot && `from slot ${expected.slot}`,
      expected.trial !== undefined && (expected.trial ? 'on trial' : 'not on trial'),
    ]
      .filter(Boolean)
      .join(', ')}`,
  goOn: true,
  needs: { build: true },
  run: async (context, expected) => {
    const output = await commandLine(context);
    const found = readRunning(output);
    const seen = {
      slot: found.slot,
      build: found.build === undefined ? undefined : (await nameOfBuild(context))(found.build),
      trial: found.trial,
    };
    const wrong = (['slot', 'build', 'trial'] as const).filter(
      (key) => expected[key] !== undefined && expected[key] !== seen[key],
    );
    if (wrong.length === 0) return;
    const text = wrong.map((key) => `${key}: ${seen[key] ?? 'none'}, not ${expected[key]}`).join('; ');
    throw new OsmithError('E_TEST', `The running system says ${text}`, { tail: [output] });
  },
});
