/** Says at the end of a slot what it holds, as updates do later: what is published is compared with that. */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { buildId } from '../../disk/boot-slots.ts';
import { RECORD_SIZE, recordBlock, ROOT_PART } from '../../disk/gpt-slots.ts';
import type { PartitionSpec } from '../../disk/layout.ts';
import { SLOT_TYPE } from '../../disk/layouts/edge.ts';
import type { StepContext } from '../types.ts';
import type { Params } from './params.ts';

/** `end`, `size`: of the partition. An image that fills its slot leaves no room for it: then nothing is said. */
export async function writeSlotRecord(
  context: StepContext<Params>,
  { name: input, type }: PartitionSpec,
  end: number,
  size: number,
): Promise<void> {
  const blob = context.blob(input);
  if (type !== SLOT_TYPE || blob.size + RECORD_SIZE > size) return;
  const parts = [{ name: ROOT_PART, size: blob.size, sha256: blob.digest }];
  const { name } = context.params;
  const system = { name, build: buildId(parts), epoch: context.epoch, issued: 0, cmdline: '', parts };
  const disk = await open(join(context.work, 'disk.raw'), 'r+');
  await disk.write(recordBlock(system), 0, RECORD_SIZE, end - RECORD_SIZE);
  await disk.close();
}
