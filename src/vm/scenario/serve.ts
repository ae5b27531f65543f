/** Steps about the server that publishes releases for the machine. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { now } from '../../env.ts';
import { ROOT_PART } from '../../disk/gpt-slots.ts';
import { OsmithError } from '../../errors.ts';
import { FAULT_NAMES, FAULTS, type Fault } from '../publish/faults.ts';
import { publicationOf } from '../publish/publication.ts';
import { BUILD_NAMES } from '../publish/builds.ts';
import { makeRelease } from '../publish/release.ts';
import { openImage, type Image } from '../image.ts';
import { PART_NAMES, slotKindOf } from '../slots/index.ts';
import { workspacePath } from './paths.ts';
import { size } from './size.ts';
import { defineStepKind, type ScenarioContext } from './types.ts';

/** Directory of the files that the server has. */
const RELEASES = 'releases';

/** Part of a release that faults and waits are about; absent: the one that makes a build another one. */
const part = z.enum(PART_NAMES).optional();

function partOf(image: Image, file: string | undefined): string {
  const { parts, main } = slotKindOf(image);
  if (file === undefined || parts.includes(file)) return file ?? main;
  throw new OsmithError('E_TEST', `Releases of ${image.name} have no ${file}`, {
    hint: `They have ${parts.join(', ')}`,
  });
}

const params = z.strictObject({
  build: z.enum(BUILD_NAMES).default('newer'),
  /** Directory of another built image to take in place of the one that is tested. */
  image: z.string().optional(),
  fault: z.enum(FAULT_NAMES).optional(),
  /** The file that a fault is about. */
  file: part,
  /** Where in the file, in percent of its size. */
  at: z.number().min(0).max(100).default(50),
  /** Whether machines can download only what differs. */
  chunks: z.boolean().default(true),
  /** Further words for the kernel command line of the release. */
  cmdline: z.string().optional(),
});
type Serve = z.infer<typeof params>;

function title({ build, fault, image }: Serve): string {
  const what = image ?? `the ${build} build`;
  return fault === undefined ? `the server has ${what}` : `the server offers ${FAULTS[fault].text}`;
}

async function release(context: ScenarioContext, { build, image, chunks, cmdline }: Serve) {
  if (cmdline !== undefined && slotKindOf(context.image).main === ROOT_PART)
    throw new OsmithError('E_TEST', 'A root image brings its own kernel command line', {
      hint: 'Leave out `cmdline`, or publish another build with `image`',
    });
  const source =
    image === undefined ? context.image : await openImage(workspacePath(context.scenario, image));
  const key = JSON.stringify([build, image, chunks, cmdline]);
  return context.once(`release ${key}`, async (number) =>
    makeRelease(source, build, {
      ...{ dir: join(context.dir, RELEASES, String(number)), chunks, cmdline },
      buildTools: context.buildTools,
    }),
  );
}

/** They are large, and worth nothing when the scenario is over. */
export async function removeReleases(dir: string): Promise<void> {
  await rm(join(dir, RELEASES), { recursive: true, force: true });
}

/** Publishes a release: a good one, or with a fault. It replaces what was published before. */
export const serve = defineStepKind({
  short: 'build',
  params,
  title,
  needs: { network: true, build: true },
  run: async (context, given) => {
    const made = await release(context, given);
    const fault: Fault = given.fault === undefined ? { text: '' } : FAULTS[given.fault];
    const server = await context.server();
    const file = partOf(context.image, given.file);
    const where = { dir: join(context.dir, RELEASES, 'spoiled'), part: file, percent: given.at };
    server.publish(await publicationOf(made, context.keys, fault, where));
    context.remember(given.build, made.build);
  },
});

/** Looks how much was downloaded of what is published, without its token. */
export const downloaded = defineStepKind({
  short: 'most',
  params: z.strictObject({ most: size }),
  title: ({ most }) => `has downloaded no more than ${most} MiB`,
  goOn: true,
  needs: { network: true },
  run: async (context, { most }) => {
    const sent = (await context.server()).sent() / 2 ** 20;
    if (sent > most) throw new OsmithError('E_TEST', `${sent.toFixed(1)} MiB were downloaded`);
  },
});

/** Waits until the machine has downloaded so much of a file. */
export const sent = defineStepKind({
  short: 'percent',
  params: z.strictObject({
    percent: z.number().min(0).max(100),
    file: part,
    within: z.number().positive().default(300),
  }),
  title: ({ file = 'new system', percent }) => `has downloaded ${percent} % of the ${file}`,
  needs: { network: true },
  run: async (context, { percent, file, within }) => {
    const server = await context.server();
    const name = `${context.image.name}.${partOf(context.image, file)}`;
    const end = now() + within * 1000;
    for (;;) {
      const share = server.reached(name);
      if (share !== undefined && share * 100 >= percent) return;
      if (now() >= end) {
        const seen = share === undefined ? 'nothing' : `${Math.floor(share * 100)} %`;
        throw new OsmithError('E_TEST', `The machine downloaded ${seen} of ${name} in ${within} s`, {
          log: context.vm().log,
        });
      }
      await sleep(200, undefined, { signal: context.signal });
    }
  },
});
