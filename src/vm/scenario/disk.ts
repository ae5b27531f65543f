/** Steps about the files on the machine's disk. They look from outside, so that nobody in the machine has a say. */
import { matchesGlob } from 'node:path';
import { z } from 'zod';
import { OsmithError } from '../../errors.ts';
import { deleteFromEsp, diskDigest, espDigests, type EspOfDisk } from '../esp-files.ts';
import { shellQuote } from '../guest.ts';
import { defineStepKind, type DiskName, type DiskRecord, type ScenarioContext } from './types.ts';

export const paths = z.union([z.string().transform((path) => [path]), z.array(z.string()).min(1)]);

/** Which volume a step is about. */
export const place = {
  on: z.union([z.literal('medium'), z.int().positive()]).default(1),
  /** Absent: the EFI system partition. */
  partition: z.string().min(1).optional(),
};

/** For titles. */
export function placeName({ on, partition }: { on: DiskName; partition?: string | undefined }): string {
  const disk = on === 'medium' ? 'the medium' : on === 1 ? 'the disk' : `disk ${on}`;
  return partition === undefined ? disk : `${partition} of ${disk}`;
}

export async function espOf(
  context: ScenarioContext,
  { on, partition }: { on?: DiskName; partition?: string | undefined } = {},
): Promise<EspOfDisk> {
  return { tools: context.tools, dir: context.dir, disk: await context.disk(on), partition };
}

/** A disk may have no volume yet. */
export async function recordDisk(esp: EspOfDisk): Promise<DiskRecord> {
  return {
    digest: await diskDigest(esp),
    files: await espDigests(esp).catch(() => new Map<string, string>()),
  };
}

/**
 * Deletes in the running system, which may have more to write there; the agent's lock keeps us from meddling with what
 * it is doing.
 */
function deleteScript(files: readonly string[]): string {
  return `set -e
mkdir -p /run/osmith
exec 9>> /run/osmith/boot.lock
flock 9
dir=$(mktemp -d)
udevadm settle
mount LABEL=OSMITH "$dir"
cd "$dir"
rm -- ${files.map(shellQuote).join(' ')}
cd /
umount "$dir"`;
}

/** Seconds: the agent may be writing a whole system. */
const WAIT = 600;

/** Deletes files of the EFI system partition: in the running system, or of the disk of one that is off. */
const deleteFiles = defineStepKind({
  short: 'files',
  params: z.strictObject({ files: paths }),
  title: ({ files }) => `${files.join(', ')} ${files.length === 1 ? 'is' : 'are'} deleted`,
  needs: { disk: true },
  run: async (context, { files }) => {
    if (!context.isOn()) return deleteFromEsp(await espOf(context), files);
    const { exitCode, output } = await (await context.guest()).run(deleteScript(files), WAIT);
    if (exitCode === 0) return;
    throw new OsmithError('E_TEST', 'The files cannot be deleted', { tail: output.split('\n').slice(-5) });
  },
});
export { deleteFiles as delete };

/** Paths that differ, with what happened to them. */
export function differences(before: Map<string, string>, after: Map<string, string>): Map<string, string> {
  const changes = new Map<string, string>();
  for (const [path, digest] of after) {
    if (!before.has(path)) changes.set(path, 'is new');
    else if (before.get(path) !== digest) changes.set(path, 'was changed');
  }
  for (const path of before.keys()) if (!after.has(path)) changes.set(path, 'is gone');
  return changes;
}

/** Looks whether the disk is as it was when the machine was switched on. */
export const unchanged = defineStepKind({
  short: 'except',
  params: z.strictObject({
    on: place.on,
    /** Files that may differ: paths or glob patterns. */
    except: paths.default([]),
  }),
  title: ({ on, except }) =>
    except.length === 0
      ? `nothing was changed on ${placeName({ on })}`
      : `nothing but ${except.join(', ')} was changed on ${placeName({ on })}`,
  goOn: true,
  needs: { disk: true, record: true },
  run: async (context, { on, except }) => {
    const before = context.before(on);
    if (before === undefined) throw new OsmithError('E_TEST', 'The machine has not been switched on yet');
    const esp = await espOf(context, { on });
    if ((await diskDigest(esp)) === before.digest) return;
    const all = differences(before.files, await espDigests(esp));
    const wrong = [...all].filter(([path]) => !except.some((pattern) => matchesGlob(path, pattern)));
    if (wrong.length > 0)
      throw new OsmithError('E_TEST', wrong.map(([path, what]) => `${path} ${what}`).join(', '));
    if (all.size === 0 && except.length === 0)
      throw new OsmithError('E_TEST', 'The disk was written to, though all files are the same');
  },
});
