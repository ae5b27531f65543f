/** Steps about partitions: the table, and the files on a FAT volume. They look from outside, like those of disk.ts. */
import { z } from 'zod';
import { OsmithError } from '../../errors.ts';
import { espDigests, readFromEsp, writeToEsp } from '../esp-files.ts';
import { runTool } from '../tools.ts';
import { espOf, paths, place, placeName } from './disk.ts';
import { regularExpression } from './run.ts';
import { defineStepKind } from './types.ts';

/** Looks which files there are on a volume, and what is in them. */
export const files = defineStepKind({
  params: z.strictObject({
    ...place,
    present: paths.default([]),
    absent: paths.default([]),
    /** Paths to what must match their text. */
    contents: z.record(z.string(), regularExpression).default({}),
  }),
  title: ({ present, absent, contents, ...where }) => {
    const there = [...present, ...Object.keys(contents)];
    const [some, none] = [there, absent].map((list) => list.join(', '));
    return [some, none && `no ${none}`].filter(Boolean).join('; ') + ` on ${placeName(where)}`;
  },
  goOn: true,
  needs: { disk: true },
  run: async (context, { present, absent, contents, ...where }) => {
    const volume = await espOf(context, where);
    const found = await espDigests(volume);
    const missing = [...present, ...Object.keys(contents)].filter((path) => !found.has(path));
    const left = absent.filter((path) => found.has(path));
    const on = placeName(where);
    if (missing.length > 0) throw new OsmithError('E_TEST', `There is no ${missing.join(', ')} on ${on}`);
    if (left.length > 0) throw new OsmithError('E_TEST', `There is ${left.join(', ')} on ${on}`);
    const texts = await readFromEsp(volume, Object.keys(contents));
    for (const [path, pattern] of Object.entries(contents)) {
      const text = texts.get(path) ?? '';
      if (new RegExp(pattern, 'm').test(text)) continue;
      const tail = text.split('\n').slice(0, 15);
      throw new OsmithError('E_TEST', `${path} on ${on} does not match /${pattern}/`, { tail });
    }
  },
});

/** Writes files on a volume, as somebody does who mounts it. Only while no machine has the disk. */
export const write = defineStepKind({
  params: z.strictObject({ ...place, files: z.record(z.string(), z.string()) }),
  title: ({ files: texts, ...where }) => `${Object.keys(texts).join(', ')} on ${placeName(where)} is written`,
  needs: { disk: true },
  run: async (context, { files: texts, ...where }) => {
    if (context.isOn()) throw new OsmithError('E_TEST', 'The machine is on: its disks are its own now');
    const volume = await espOf(context, where);
    for (const [path, text] of Object.entries(texts)) await writeToEsp(volume, path, text);
  },
});

/** Looks at the partition table, in the words of `sfdisk --dump`. */
export const table = defineStepKind({
  short: 'match',
  params: z.strictObject({
    on: place.on,
    match: z.union([regularExpression.transform((one) => [one]), z.array(regularExpression).min(1)]),
  }),
  title: ({ on }) => `the partition table of ${placeName({ on })}`,
  goOn: true,
  needs: { disk: true },
  run: async (context, { on, match }) => {
    const disk = await context.disk(on);
    const sfdisk = (option: string) => runTool(context.tools, ['sfdisk', option, disk], { read: [disk] });
    await sfdisk('--verify');
    const dump = await sfdisk('--dump');
    const missing = match.filter((pattern) => !new RegExp(pattern, 'm').test(dump));
    if (missing.length === 0) return;
    throw new OsmithError('E_TEST', `The partition table has nothing like /${missing.join('/, /')}/`, {
      tail: dump.trimEnd().split('\n'),
    });
  },
});
